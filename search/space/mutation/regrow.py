"""A new expression in the place of a node (the sub-tree mutation of genetic programming, Koza 1992)."""

import random
from collections.abc import Iterator

from autobert_zero_hf.model.graph import AttentionGraph, Node

from ..sampling import Weights, sample_graph
from ..search_space import SearchSpace
from .base import Change, Draft, GraphMutation
from .table import register

_GROWTHS = 20


class Regrow(GraphMutation):
    """A node of the graph, drawn evenly, is replaced by an expression of the same axes, grown from the inputs.

    Its operations are drawn by weight, as many as there is room for.

    Args:
        max_operations: the operations of the new expression at most.
        tries: as for every mutation of graphs.

    Raises:
        ValueError: if one of them is less than 1.
    """

    name = "regrow"

    def __init__(self, max_operations: int = 6, tries: int = 20):
        super().__init__(tries)
        if max_operations < 1:
            raise ValueError(f"max_operations must be at least 1, not {max_operations}")
        self.max_operations = max_operations

    def changes(
        self, draft: Draft, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """One for each try that grows."""
        for _ in range(self.tries):
            place = rng.choice(draft.places)
            # Without the node: with an input in its place.
            rest = AttentionGraph.from_nodes(*draft.with_instead(place, 0), bounded=False)
            room = min(self.max_operations, space.max_operations - len(rest.operations))
            if room < 1:
                continue
            try:
                expression = sample_graph(
                    rng,
                    space.operations,
                    room,
                    weights,
                    inputs=space.inputs,
                    max_depth=space.max_depth,
                    axes=draft.axes[place],
                    mixing=False,
                    tries=_GROWTHS,
                )
            except ValueError:  # none with these axes: too little room, or what they take has weight 0
                continue
            start = len(draft.nodes)
            grown = [Node(node.name, tuple([start + o for o in node.operands])) for node in expression.nodes]
            nodes, output = draft.with_instead(place, start + len(grown) - 1)
            yield [*nodes, *grown], output


register(Regrow())
