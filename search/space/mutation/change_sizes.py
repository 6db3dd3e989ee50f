"""Other sizes (the mutation of AutoTinyBERT's evolved search, Yin et al. 2021, 2021.acl-long.400)."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..candidate import Candidate
from ..sampling import Weights
from ..sizes import Sizes, SizesSpace
from ..space import SizedSpace
from .base import described
from .table import Level, register

_TRIES = 100


@dataclass(frozen=True)
class Move:
    """How one size moves.

    Args:
        probability: that it does.
        reach: to a value so many steps away at most, drawn evenly.
    """

    probability: float
    reach: int


MOVES: Mapping[str, Move] = {
    "num_hidden_layers": Move(0.25, 1),
    "hidden_size": Move(0.5, 1),
    "intermediate_size": Move(0.5, 2),
    "num_attention_heads": Move(0.25, 2),
    "head_dim": Move(0.25, 2),
    "embedding_size": Move(0.25, 2),
}
"""Those of the paper, which has either the number of heads or their width, and no size of the embeddings alone."""


class ChangeSizes:
    """Each size moves by itself, with its own probability; at least one does.

    The layers stay, but for those on top that a lesser depth leaves out, or a greater one adds.

    Args:
        moves: by the names of `Sizes`.
    """

    name = "change sizes"
    level: ClassVar[Level] = "sizes"

    def __init__(self, moves: Mapping[str, Move] = MOVES):
        self.moves = moves

    def is_for(self, space: SizedSpace) -> bool:
        """Whether candidates of the space have sizes of their own."""
        return space.sizes is not None

    def __call__(
        self,
        candidate: Candidate,
        space: SizedSpace,
        rng: random.Random,
        weights: Weights | None = None,
    ) -> Candidate | None:
        """The first draw that is another candidate of the space; None if none of a hundred is."""
        sizes, allowed = candidate.sizes, space.sizes
        if sizes is None or allowed is None:
            return None
        for _ in range(_TRIES):
            moved = self._moved(sizes, allowed, rng)
            if moved == sizes or allowed.rejection(moved) is not None:
                continue
            changes = [name for name in self.moves if getattr(moved, name) != getattr(sizes, name)]
            origin = described(candidate.origin, f"{self.name} in {' and '.join(changes)}")
            mutant = replace(space.resized(candidate, moved, rng), origin=origin)
            if space.rejection(mutant) is None:
                return mutant
        return None

    def _moved(self, sizes: Sizes, allowed: SizesSpace, rng: random.Random) -> Sizes:
        moved: dict[str, Any] = {}
        for name, move in self.moves.items():
            if (steps := allowed.steps.get(name)) is None:
                continue
            reach, here = move.reach * steps.step, getattr(sizes, name)
            near = [value for value in steps.values if 0 < abs(value - here) <= reach]
            if near and rng.random() < move.probability:
                moved[name] = rng.choice(near)
        return replace(sizes, **moved)


register(ChangeSizes())
