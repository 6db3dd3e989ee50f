"""One operation less (the removal of AutoML-Zero, Real et al. 2020, arXiv 2003.03384, in a typed graph)."""

import random
from collections.abc import Iterator

from ..sampling import Weights
from ..search_space import SearchSpace
from .base import Change, Draft, GraphMutation
from .table import register


class DeleteOperation(GraphMutation):
    """The users of an operation take one of its operands instead.

    Every such change that is legal has the same chance. What only the other operand needed is gone.
    """

    name = "delete"

    def changes(
        self, draft: Draft, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """Every deletion that is legal, once."""
        deletions = []
        for place in draft.operations:
            fitting = draft.fitting(place)
            operands = dict.fromkeys(draft.nodes[place].operands)
            deletions += [(place, operand) for operand in operands if draft.axes[operand] in fitting]
        rng.shuffle(deletions)
        for place, operand in deletions:
            yield draft.with_instead(place, operand)


register(DeleteOperation())
