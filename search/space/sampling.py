"""Random attention graphs, grown from q, k and v by operations that are legal where they are put."""

import random
from collections.abc import Mapping, Sequence
from itertools import product

from autobert_zero_hf.model.axes import infer_axes, mixes_tokens
from autobert_zero_hf.model.graph import INPUTS, AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, AxesError, operation

_TRIES = 10_000

Weights = Mapping[str, float]
"""A probability, up to a factor, for each operation."""


def draw_operation(rng: random.Random, names: Sequence[str], weights: Weights | None = None) -> str:
    """One of these operations, evenly or by weight."""
    return rng.choices(names, None if weights is None else [weights[name] for name in names])[0]


def sample_graph(
    rng: random.Random, operations: Sequence[str], max_operations: int, weights: Weights | None = None
) -> AttentionGraph:
    """A random legal graph of 1 to `max_operations` operations that mixes tokens.

    Each step draws an operation among those that are legal on something that is there, and operands among the legal
    ones. Operands that nothing uses yet are preferred, so that what was grown ends up in the graph.

    Raises:
        ValueError: if no such graph turns up in 10,000 tries.
    """
    for _ in range(_TRIES):
        nodes = [Node(name) for name in INPUTS]
        axes: list[Axes] = [TOKENS_BY_FEATURES] * len(nodes)
        for _ in range(rng.randint(1, max_operations)):
            legal = {name: choices for name in operations if (choices := _legal_operands(name, axes))}
            name = draw_operation(rng, list(legal), weights)
            used = {o for node in nodes for o in node.operands}
            fresh = [c for c in legal[name] if any(o >= len(INPUTS) and o not in used for o in c)]
            operands = rng.choice(fresh or legal[name])
            nodes.append(Node(name, operands))
            axes.append(operation(name).axes(*(axes[o] for o in operands)))
        outputs = [place for place in range(len(INPUTS), len(nodes)) if axes[place] == TOKENS_BY_FEATURES]
        if outputs:
            try:
                graph = AttentionGraph.from_nodes(nodes, outputs[-1])
            except FormulaError:  # its text would be too long: sub-expressions used again and again
                continue
            if mixes_tokens(infer_axes(graph)):
                return graph
    raise ValueError(
        f"no attention that mixes tokens turned up with {max_operations} operations at most of {', '.join(operations)}"
    )


def _legal_operands(name: str, axes: list[Axes]) -> list[tuple[int, ...]]:
    """The places of all operands that an operation accepts."""
    rule = operation(name)
    by_axes: dict[Axes, list[int]] = {}
    for place, each in enumerate(axes):
        by_axes.setdefault(each, []).append(place)
    legal: list[tuple[int, ...]] = []
    for kinds in product(by_axes, repeat=rule.arity):
        try:
            rule.axes(*kinds)
        except AxesError:
            continue
        legal.extend(product(*(by_axes[kind] for kind in kinds)))
    return legal
