"""Random attention graphs, grown from the inputs by operations that are legal where they are put."""

import contextlib
import random
from collections.abc import Mapping, Sequence

from autobert_zero_hf.model.graph import INPUTS, MAX_DEPTH, AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, operation

_TRIES = 10_000
_PREFER_NEW = 0.9
"""How often a step has to take up a node that nothing uses yet. Always would leave out every graph with two operands
that are both grown, such as add(neg(q), softsign(k)): with neg(q) there, no second operation could start from k."""

Weights = Mapping[str, float]
"""A probability, up to a factor, for each operation."""

_Legal = dict[frozenset[Axes], dict[str, list[tuple[Axes, ...]]]]
"""For nodes with these axes: for each operation that can take some, the axes of operands that it accepts."""


def draw_operation(rng: random.Random, names: Sequence[str], weights: Weights | None = None) -> str:
    """One of these operations, evenly or by weight."""
    return rng.choice(names) if weights is None else rng.choices(names, [weights[name] for name in names])[0]


def can_be_drawn(names: Sequence[str], weights: Weights | None) -> list[str]:
    """The operations whose weight is not 0."""
    return [name for name in names if weights is None or weights[name] > 0]


def sample_graph(
    rng: random.Random,
    operations: Sequence[str],
    max_operations: int,
    weights: Weights | None = None,
    *,
    inputs: Sequence[str] = INPUTS,
    max_depth: int = MAX_DEPTH,
    axes: Axes = TOKENS_BY_FEATURES,
    mixing: bool = True,
    tries: int = _TRIES,
) -> AttentionGraph:
    """A random legal graph of at most `max_operations` operations, at most `max_depth` of them inside one another.

    It grows by a random number of operations, and on, if need be, until it has an output: the last node that has the
    `axes` and, for an attention (`mixing`), mixes tokens. Each step draws an operation among those that are legal on
    something that is there, and operands evenly among the legal ones, most of the time among those with a node that
    nothing uses yet, so that what was grown ends up in the graph.

    Raises:
        ValueError: if no such graph turns up in that many tries.
    """
    operations = can_be_drawn(operations, weights)
    legal: _Legal = {}
    for _ in range(tries):
        growth = _RandomGrowth(rng, operations, weights, inputs, max_depth, axes, mixing, legal)
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
        f"no {'attention that mixes tokens' if mixing else 'expression'} turned up with {max_operations} operations at "
        f"most, {max_depth} at most inside one another, of {', '.join(operations)} on {', '.join(inputs)}"
    )


class _RandomGrowth:
    """A graph while it grows: its nodes, and where those of each kind of axes are."""

    def __init__(
        self,
        rng: random.Random,
        operations: Sequence[str],
        weights: Weights | None,
        inputs: Sequence[str],
        max_depth: int,
        wanted: Axes,
        mixing: bool,
        legal: _Legal,
    ):
        self.nodes: list[Node] = [Node(name) for name in inputs]
        self.output: int | None = None
        self._rng = rng
        self._operations = operations
        self._weights = weights
        self._max_depth = max_depth
        self._wanted = wanted
        self._mixing = mixing
        self._mixes = [False] * len(inputs)
        self._depths = [0] * len(inputs)
        # Those that can be operands: one of the greatest depth can be the output alone.
        self._places: dict[Axes, list[int]] = {TOKENS_BY_FEATURES: list(range(len(inputs)))}
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
            there = " and ".join(node.name for node in self.nodes)
            raise ValueError(f"none of {', '.join(self._operations)} takes what there is: {there}")
        name = draw_operation(self._rng, self._names, self._weights)
        kinds, operands = self._draw_operands(self._legal[name])
        rule, place = operation(name), len(self.nodes)
        axes = rule.legal_axes[kinds]
        mixes = rule.reduces_tokens(kinds) or any(self._mixes[o] for o in operands)
        depth = 1 + max([self._depths[o] for o in operands])
        self.nodes.append(Node(name, operands))
        self._mixes.append(mixes)
        self._depths.append(depth)
        for kind, operand in zip(kinds, operands, strict=True):
            self._fresh[kind].discard(operand)
        if axes == self._wanted and (mixes or not self._mixing):
            self.output = place
        if depth == self._max_depth:
            return
        if axes not in self._places:
            self._places[axes], self._fresh[axes] = [], set()
            self._find_legal()
        self._places[axes].append(place)
        self._fresh[axes].add(place)

    def _draw_operands(self, legal: list[tuple[Axes, ...]]) -> tuple[tuple[Axes, ...], tuple[int, ...]]:
        """Operands evenly among all that are legal; most of the time among those with a new one, if there are such."""
        every, fresh = [], []
        for kinds in legal:
            all_of_them = without_new = 1
            for axes in kinds:
                here = len(self._places[axes])
                all_of_them *= here
                without_new *= here - len(self._fresh[axes])
            every.append(all_of_them)
            fresh.append(all_of_them - without_new)
        wanted = any(fresh) and self._rng.random() < _PREFER_NEW
        kinds = self._rng.choices(legal, fresh if wanted else every)[0] if len(legal) > 1 else legal[0]
        while True:
            operands = tuple([self._rng.choice(self._places[axes]) for axes in kinds])
            if not wanted or any(o in self._fresh[axes] for o, axes in zip(operands, kinds, strict=True)):
                return kinds, operands
