"""What every search space is: a source of random candidates that knows its own."""

import random
from typing import Protocol

from .candidate import Candidate


class Space(Protocol):
    """Where a strategy looks."""

    def objection(self, candidate: Candidate) -> str | None:
        """Why a candidate does not belong to the space, in words; None if it does."""
        ...

    def sample(self, rng: random.Random) -> Candidate:
        """A random candidate of the space."""
        ...
