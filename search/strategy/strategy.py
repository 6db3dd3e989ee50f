"""What every strategy is: it is asked for candidates and told their results, and never proposes one twice."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol

from ..space.candidate import Candidate
from ..space.sizes import SizesSpace
from ..space.space import SizedSpace, Space
from .evaluation import Evaluation

Reject = Callable[[Candidate], str | None]
"""Looks at a candidate before anything is trained: the reason not to evaluate it, or None."""

TRIES = 200
_KNOWN = "duplicate"
_REJECTED = 1_000
"""New candidates that may be rejected on the way to one: of random sizes, one in 200 may keep to a budget."""


class Strategy(Protocol):
    """Says where to look next; the same space, seed and told results give the same candidates."""

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason."""
        ...

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        ...

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in results of what was asked for, each once; those that are never told are left out.

        Raises:
            ValueError: for a candidate that was not asked for, or was told before.
        """
        ...


class Proposals:
    """The candidates that a strategy has proposed: each new by its normal form, in the space and not rejected.

    Args:
        space: what a candidate must belong to.
        reject: a further rejection; a candidate that it rejected is not shown to it again.
        tries: the draws of known candidates after which the search for a new one is given up.
    """

    def __init__(self, space: Space, reject: Reject | None = None, tries: int = TRIES):
        if tries < 1:
            raise ValueError(f"tries must be at least 1, not {tries}")
        self.rejections: Counter[str] = Counter()
        self._space = space
        self._reject = reject
        self._tries = tries
        self._seen: set[str] = set()
        self._proposed: set[str] = set()
        self._withdrawn: set[str] = set()
        self._pending: dict[str, int] = {}
        self._count = 0

    def draw(self, sample: Callable[[], Candidate]) -> Candidate | None:
        """The first draw that may be proposed; None if there is none within the tries."""
        known = rejected = 0
        while known < self._tries and rejected < _REJECTED:
            candidate = sample()
            if (reason := self.rejection(candidate)) is None:
                return candidate
            known, rejected = (known + 1, rejected) if reason == _KNOWN else (known, rejected + 1)
        return None

    def generation(self, sample: Callable[[], Candidate], size: int) -> list[Candidate]:
        """Proposes candidates, as many as there are, up to `size`."""
        return list(islice(iter(partial(self.draw, sample), None), size))

    def rejection(self, candidate: Candidate) -> str | None:
        """Why a candidate may not be proposed, counted by reason; None takes it in as proposed."""
        reason: str | None = _KNOWN
        if candidate.identity not in self._seen:
            self._seen.add(candidate.identity)
            if self._space.rejection(candidate) is not None:
                reason = "outside the space"
            elif self._reject is None or candidate.identity in self._withdrawn:
                reason = None
            else:
                reason = self._reject(candidate)
        if reason is None:
            self._proposed.add(candidate.identity)
            self._pending[candidate.identity] = self._count
            self._count += 1
        else:
            self.rejections[reason] += 1
        return reason

    def withdraw(self, candidates: Iterable[Candidate]) -> None:
        """Take back what was proposed and nobody was asked for: it may be proposed again, and is not rejected then."""
        for identity in (candidate.identity for candidate in candidates):
            del self._pending[identity]
            self._proposed.remove(identity)
            self._seen.remove(identity)
            self._withdrawn.add(identity)

    def move(self, space: Space) -> None:
        """Propose candidates of another space from now on; what the one before had not may be in this."""
        self._space = space
        self._seen = set(self._proposed)

    def told(self, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        """The evaluations in the order in which their candidates were proposed, whatever the order they came in.

        Raises:
            ValueError: for a candidate that was not proposed, or was told before.
        """
        places: dict[str, int] = {}
        for evaluation in evaluations:
            identity = evaluation.candidate.identity
            if identity in places or identity not in self._pending:
                raise ValueError(f"told what was not asked for, or twice: {' | '.join(evaluation.candidate.layers)}")
            places[identity] = self._pending[identity]
        for identity in places:
            del self._pending[identity]
        return sorted(evaluations, key=lambda evaluation: places[evaluation.candidate.identity])


class Proposing(ABC):
    """What strategies share that propose candidates of a space.

    Args:
        space: where to search.
        rng: the source of all chance.
        reject: looks at a candidate before it is proposed.
    """

    def __init__(self, space: Space, rng: random.Random, reject: Reject | None):
        self.space: Any = space
        self._rng = rng
        self._proposals = Proposals(space, reject)

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason."""
        return self._proposals.rejections

    @abstractmethod
    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""

    @abstractmethod
    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in results of what was asked for, or taken in."""

    def steer(self, space: Any) -> None:
        """Look in another space from now on, with what was told; the strategies have theirs as `space`."""
        self.space = space
        self._proposals.move(space)

    def take_in(self, candidate: Candidate) -> bool:
        """Count a candidate of somebody else as proposed, so that its result may be told; False if it may not be."""
        return self._proposals.rejection(candidate) is None


def need_sizes(space: SizedSpace, strategy: str) -> SizesSpace:
    """The sizes that a strategy searches.

    Raises:
        ValueError: naming the strategy, if the candidates of the space have no sizes of their own.
    """
    if space.sizes is None:
        raise ValueError(
            f"the strategy {strategy} searches sizes, and here all candidates have the same: let them vary "
            "(--search-sizes), or take another strategy"
        )
    return space.sizes


def at_least(least: int, **values: int) -> None:
    """Checks that arguments, by name, are at least some number.

    Raises:
        ValueError: naming those that are less than `least`.
    """
    wrong = [f"{name}={value}" for name, value in values.items() if value < least]
    if wrong:
        raise ValueError(f"must be at least {least}: {', '.join(wrong)}")
