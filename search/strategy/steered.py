"""A strategy that somebody steers while it searches: from some generations on it looks in another space."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from ..space.candidate import Candidate
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .strategy import Strategy


@runtime_checkable
class Steerable(Protocol):
    """A strategy that can go on in another space, with what it was told."""

    def steer(self, space: SearchSpace) -> None:
        """Look there from now on."""
        ...


class Steered:
    """A strategy, and the spaces that it looks in.

    Args:
        strategy: proposes; it may be within others.
        steers: the strategy that goes on elsewhere.
        spaces: by the number of the generation, from 0, from which on they hold.
    """

    def __init__(self, strategy: Strategy, steers: Steerable, spaces: Mapping[int, SearchSpace]):
        self._strategy = strategy
        self._steers = steers
        self._spaces = spaces
        self._generation = 0

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason."""
        return self._strategy.rejections

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        if (space := self._spaces.get(self._generation)) is not None:
            self._steers.steer(space)
        self._generation += 1
        return self._strategy.ask()

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in results of what was asked for."""
        self._strategy.tell(evaluations)
