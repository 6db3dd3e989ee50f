"""Another input of an operation (the hidden-state mutation of Real et al. 2019, arXiv 1802.01548)."""

import random
from collections.abc import Iterator

from ..sampling import Weights
from ..search_space import SearchSpace
from .base import Change, Draft, GraphMutation
from .table import register


class RewireInput(GraphMutation):
    """One operand of one operation points to another node, or to an input that may not have been in use.

    Every such change that is legal has the same chance. What only the old operand needed is gone.
    """

    name = "rewire"

    def changes(
        self, draft: Draft, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """Every rewiring that is legal, once."""
        rewirings = []
        for user, at in draft.edges:
            fitting = draft.fitting_operand(user, at)
            others = (o for o in draft.independent(user) if o != draft.nodes[user].operands[at])
            rewirings += [(user, at, other) for other in others if draft.axes[other] in fitting]
        rng.shuffle(rewirings)
        for user, at, other in rewirings:
            yield draft.with_operand(user, at, other), draft.output


register(RewireInput())
