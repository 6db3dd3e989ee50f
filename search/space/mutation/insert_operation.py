"""One more operation (the insertion of AutoML-Zero, Real et al. 2020, arXiv 2003.03384, in a typed graph)."""

import random
from collections.abc import Iterator

from autobert_zero_hf.model.graph import Node
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES

from ..sampling import Weights
from ..search_space import SearchSpace
from .base import Change, Draft, GraphMutation, draws
from .table import register

_Edge = tuple[int, int] | None
"""An operand of an operation; None is the output."""


class InsertOperation(GraphMutation):
    """A new operation, drawn by weight, between a node and one of its users, or on top of the output.

    A second operand that it may need is drawn among all nodes and inputs that are legal there.
    """

    name = "insert"

    def changes(
        self, draft: Draft, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """Insertions without end, unless no operation fits anywhere."""
        options: dict[str, dict[_Edge, list[tuple[int, ...]]]] = {name: {} for name in space.operations}
        on_top = (None, draft.output, [TOKENS_BY_FEATURES], range(len(draft.nodes)))
        inside = (
            ((user, at), draft.nodes[user].operands[at], draft.fitting_operand(user, at), draft.independent(user))
            for user, at in draft.edges
        )
        for edge, below, fitting, free in (on_top, *inside):
            for name in space.operations:
                if legal := draft.legal_operands(name, (below,), free, fitting):
                    options[name][edge] = legal
        new = len(draft.nodes)
        for name, edge, operands in draws(options, rng, weights):
            nodes = draft.nodes if edge is None else draft.with_operand(*edge, new)
            yield [*nodes, Node(name, operands)], new if edge is None else draft.output


register(InsertOperation())
