"""A strategy that somebody else adds candidates to, such as a language model, or a person's script."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..space.candidate import Candidate
from .evaluation import Evaluation
from .strategy import Proposing

Propose = Callable[[int, Any, Sequence[Evaluation], set[str]], Sequence[Candidate]]
"""What somebody proposes for a generation, by its number, the space that is looked in, what was told so far, and the
identities that are asked for already. It gives the same whenever that generation is asked for again."""


class Joined:
    """A strategy and what somebody proposes besides; results of both are told to the strategy, so that it goes on from
    the best of either.

    Args:
        strategy: proposes by itself.
        propose: proposes besides; its candidates come first in a generation.
    """

    def __init__(self, strategy: Proposing, propose: Propose):
        self._strategy = strategy
        self._propose = propose
        self._generation = 0
        self._told: list[Evaluation] = []
        self._asked: set[str] = set()

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason."""
        return self._strategy.rejections

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        own = self._strategy.ask()
        self._asked |= {candidate.identity for candidate in own}
        others = [
            candidate
            for candidate in self._propose(self._generation, self._strategy.space, self._told, self._asked)
            if self._strategy.take_in(candidate)
        ]
        self._asked |= {candidate.identity for candidate in others}
        self._generation += 1
        return [*others, *own]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in results of what was asked for."""
        self._strategy.tell(evaluations)
        self._told += evaluations
