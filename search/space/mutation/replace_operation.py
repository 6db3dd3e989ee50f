"""Another operation in the place of one (the intra-layer mutation of OP-NAS, arXiv 2107.07445)."""

import random
from collections.abc import Iterator

from autobert_zero_hf.model.graph import Node

from ..sampling import Weights
from ..search_space import SearchSpace
from .base import Change, Draft, GraphMutation, draws
from .table import register


class ReplaceOperation(GraphMutation):
    """One operation becomes another, drawn by weight among those that fit somewhere.

    It keeps the operands, as many as it takes and in any order; what is missing is drawn among all nodes and inputs
    that are legal there.
    """

    name = "replace"

    def changes(
        self, draft: Draft, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """Replacements without end, unless no operation fits anywhere."""
        options: dict[str, dict[int, list[tuple[int, ...]]]] = {name: {} for name in space.operations}
        for place in draft.operations:
            node, fitting, free = draft.nodes[place], draft.fitting(place), draft.independent(place)
            for name in space.operations:
                if name != node.name and (legal := draft.legal_operands(name, node.operands, free, fitting)):
                    options[name][place] = legal
        for name, place, operands in draws(options, rng, weights):
            yield [*draft.nodes[:place], Node(name, operands), *draft.nodes[place + 1 :]], draft.output


register(ReplaceOperation())
