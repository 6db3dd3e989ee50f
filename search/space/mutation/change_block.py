"""Another block around the same mixers, where blocks are searched."""

import random
from dataclasses import replace
from typing import Any, ClassVar

from ..candidate import Candidate
from ..sampling import Weights
from .base import described
from .table import Level, register


class ChangeBlock:
    """The backbone stands in another block of the space, drawn evenly; its layers and sizes stay."""

    name = "change block"
    level: ClassVar[Level] = "layout"

    def is_for(self, space: Any) -> bool:
        """Whether candidates of the space have one of several blocks."""
        return len(getattr(space, "blocks", ())) > 1

    def __call__(
        self,
        candidate: Candidate,
        space: Any,
        rng: random.Random,
        weights: Weights | None = None,
    ) -> Candidate | None:
        """The candidate in another block; None in a space of one, or if that does not belong to the space."""
        if not self.is_for(space):
            return None
        block = rng.choice([each for each in space.blocks if each != candidate.block])
        mutant = replace(candidate, block=block, origin=described(candidate.origin, f"{self.name} to {block}"))
        return mutant if space.rejection(mutant) is None else None


register(ChangeBlock())
