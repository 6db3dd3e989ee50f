"""Crossover along the shortest edit path (Qiu and Miikkulainen 2022, arXiv 2210.14016).

Backbones that have the same layers in other places are near each other on it, which place by place they are not: a
child is between its parents, whatever stands where.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from ..candidate import Candidate
from ..edit_path import EditPath
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import described
from .table import Level, register


class Crossover:
    """Half of the edits that lead from a candidate to another one of its generation, drawn evenly.

    Sizes, block and the number of layers stay. Layers that two backbones have in common, in whatever place, stay in a
    child; two of which a single edit makes one another have no child between them.
    """

    name = "crossover"
    level: ClassVar[Level] = "layout"

    def is_for(self, space: Any) -> bool:
        """In all spaces of layers that may differ."""
        return isinstance(space, SearchSpace)

    def __call__(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
    ) -> Candidate | None:
        """Without another parent there is no child."""
        return None

    def crossed(
        self, candidate: Candidate, mates: Sequence[Candidate], space: SearchSpace, rng: random.Random
    ) -> Candidate | None:
        """The first child in the space, by mates in random order; None if there is none."""
        for mate in rng.sample(mates, len(mates)):
            path = EditPath.between(candidate.layers, mate.layers)
            edits = path.edits
            if len(edits) < 2:
                continue
            half = (len(edits) + int(rng.random() * 2)) // 2
            chosen = rng.sample(edits, half)
            changed = path.after(chosen)
            child = replace(
                candidate, layers=changed, origin=described(candidate.origin, f"{self.name} with {mate.identity}")
            )
            if child.identity not in (candidate.identity, mate.identity) and space.rejection(child) is None:
                return child
        return None


register(Crossover())
