"""A layer once more (the repeated cells of NASNet, Zoph et al. 2018, arXiv 1707.07012, as a change of one layer)."""

import itertools
import random
from collections.abc import Iterator, Mapping

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class CopyLayer(LayerMutation):
    """One layer takes the line of another: what is good in one place is tried in a second one.

    Every pair of layers that differ has the same chance.
    """

    name = "copy layer"

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Mapping[int, str]]:
        """Each layer with the line of each other one."""
        pairs = list(itertools.permutations(range(len(candidate.layers)), 2))
        for place, source in rng.sample(pairs, len(pairs)):
            yield {place: candidate.layers[source]}


register(CopyLayer())
