"""A strategy that somebody made, in a search that has its own say in what is proposed."""

from collections import Counter
from collections.abc import Sequence

from ..space.candidate import Candidate
from ..space.space import Space
from .evaluation import Evaluation
from .strategy import TRIES, Proposals, Reject, Strategy


class Given:
    """What a strategy asks for, without what is known, outside the space or rejected; it is never told of these.

    Args:
        strategy: proposes, and was not asked before.
        space: what a candidate must belong to.
        reject: looks at a candidate before it is proposed.
    """

    def __init__(self, strategy: Strategy, space: Space, reject: Reject):
        self._strategy = strategy
        self._proposals = Proposals(space, reject)
        self._first: list[Candidate] | None = None

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason; those that the strategy left out itself among them."""
        return self._strategy.rejections + self._proposals.rejections

    def __str__(self) -> str:
        return type(self._strategy).__qualname__

    def first(self) -> list[Candidate]:
        """The first generation, which `ask` gives again: an object cannot be made anew after it was tried."""
        if self._first is None:
            self._first = self._ask()
        return self._first

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        first, self._first = self._first, None
        return self._ask() if first is None else first

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Takes in results of what was asked for, in that order."""
        self._strategy.tell(self._proposals.told(evaluations))

    def _ask(self) -> list[Candidate]:
        for _ in range(TRIES):
            asked = self._strategy.ask()
            if not asked:
                break
            if kept := [candidate for candidate in asked if self._proposals.rejection(candidate) is None]:
                return kept
        return []
