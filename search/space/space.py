"""What every search space is: a source of random candidates that knows its own."""

import random
from typing import Protocol

from .candidate import Candidate
from .sizes import Sizes, SizesSpace


class Space(Protocol):
    """Where a strategy looks."""

    def rejection(self, candidate: Candidate) -> str | None:
        """Why a candidate does not belong to the space, in words; None if it does."""
        ...

    def sample(self, rng: random.Random) -> Candidate:
        """A random candidate of the space."""
        ...


class SizedSpace(Space, Protocol):
    """A space whose candidates may have sizes of their own."""

    @property
    def sizes(self) -> SizesSpace | None:
        """The sizes that candidates may have; None where all have the same."""
        ...

    def resized(self, candidate: Candidate, sizes: Sizes, rng: random.Random) -> Candidate:
        """A candidate in other sizes, without its top layers or with more on top; it may not belong to the space."""
        ...
