"""Random attention graphs, grown from q, k and v by operations that are legal where they are put."""

import contextlib
import random
from collections.abc import Mapping, Sequence

from autobert_zero_hf.model.graph import INPUTS, AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, operation

_TRIES = 10_000

Weights = Mapping[str, float]
"""A probability, up to a factor, for each operation."""

_Legal = dict[frozenset[Axes], dict[str, list[tuple[Axes, ...]]]]
"""For nodes with these axes: for each operation that can take some, the axes of operands that it accepts."""


def draw_operation(rng: random.Random, names: Sequence[str], weights: Weights | None = None) -> str:
    """One of these operations, evenly or by weight."""
    return rng.choice(names) if weights is None else rng.choices(names, [weights[name] for name in names])[0]


def sample_graph(
    rng: random.Random, operations: Sequence[str], max_operations: int, weights: Weights | None = None
) -> AttentionGraph:
    """A random legal graph of at most `max_operations` operations that mixes tokens.

    It grows by a random number of operations, and on, if need be, until it has an output: the last node that is tokens
    x features and mixes tokens. Each step draws an operation among those that are legal on something that is there, and
    operands evenly among the legal ones. Operands that nothing uses yet are preferred, so that what was grown ends up
    in the graph.

    Raises:
        ValueError: if no such graph turns up in 10,000 tries.
    """
    legal: _Legal = {}
    for _ in range(_TRIES):
        growth = _Growth(rng, operations, weights, legal)
        least = rng.randint(1, max_operations)
        for grown in range(max_operations):
            if grown >= least and growth.output is not None:
                break
            growth.step()
        if growth.output is not None:
            # A text that would be too long (sub-expressions used again and again) is another try.
            with contextlib.suppress(FormulaError):
                return AttentionGraph.from_nodes(growth.nodes, growth.output)
    raise ValueError(
        f"no attention that mixes tokens turned up with {max_operations} operations at most of {', '.join(operations)}"
    )


class _Growth:
    """A graph while it grows: its nodes, and where those of each kind of axes are."""

    def __init__(self, rng: random.Random, operations: Sequence[str], weights: Weights | None, legal: _Legal):
        self.nodes: list[Node] = [Node(name) for name in INPUTS]
        self.output: int | None = None
        self._rng = rng
        self._operations = operations
        self._weights = weights
        self._mixes = [False] * len(INPUTS)
        self._places: dict[Axes, list[int]] = {TOKENS_BY_FEATURES: list(range(len(INPUTS)))}
        self._fresh: dict[Axes, set[int]] = {TOKENS_BY_FEATURES: set()}
        self._known = legal
        self._find_legal()

    def _find_legal(self) -> None:
        there = frozenset(self._places)
        if there not in self._known:
            legal = (
                (name, [c for c in operation(name).legal_axes if there.issuperset(c)]) for name in self._operations
            )
            self._known[there] = {name: choices for name, choices in legal if choices}
        self._legal = self._known[there]
        self._names = list(self._legal)

    def step(self) -> None:
        """Add an operation.

        Raises:
            ValueError: if none is legal.
        """
        if not self._names:
            raise ValueError(f"none of {', '.join(self._operations)} takes what there is: {' and '.join(INPUTS)}")
        name = draw_operation(self._rng, self._names, self._weights)
        kinds, operands = self._draw_operands(self._legal[name])
        rule, place = operation(name), len(self.nodes)
        axes = rule.legal_axes[kinds]
        mixes = rule.reduces_tokens(kinds) or any(self._mixes[o] for o in operands)
        self.nodes.append(Node(name, operands))
        self._mixes.append(mixes)
        for kind, operand in zip(kinds, operands, strict=True):
            self._fresh[kind].discard(operand)
        if axes not in self._places:
            self._places[axes], self._fresh[axes] = [], set()
            self._find_legal()
        self._places[axes].append(place)
        self._fresh[axes].add(place)
        if mixes and axes == TOKENS_BY_FEATURES:
            self.output = place

    def _draw_operands(self, legal: list[tuple[Axes, ...]]) -> tuple[tuple[Axes, ...], tuple[int, ...]]:
        """Operands evenly among all that are legal; among those with a new one, if there are such."""
        every, fresh = [], []
        for kinds in legal:
            all_of_them = without_new = 1
            for axes in kinds:
                here = len(self._places[axes])
                all_of_them *= here
                without_new *= here - len(self._fresh[axes])
            every.append(all_of_them)
            fresh.append(all_of_them - without_new)
        wanted = any(fresh)
        kinds = self._rng.choices(legal, fresh if wanted else every)[0] if len(legal) > 1 else legal[0]
        while True:
            operands = tuple([self._rng.choice(self._places[axes]) for axes in kinds])
            if not wanted or any(o in self._fresh[axes] for o, axes in zip(operands, kinds, strict=True)):
                return kinds, operands
