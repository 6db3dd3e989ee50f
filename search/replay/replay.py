"""Replays: what a strategy, or rungs, would have found on a table, and for how many seconds of the processor."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..space.candidate import Candidate
from ..strategy.evaluation import Evaluation, Failure
from ..strategy.strategy import Strategy
from .space import TableSpace
from .table import BackboneTable

Make = Callable[[TableSpace, random.Random], Strategy]
"""Makes a new strategy."""


@dataclass(frozen=True)
class Replayed:
    """A search on a table.

    Args:
        evaluations: of all backbones that were looked at, in that order.
        seconds: of the processor, up to each of them.
    """

    evaluations: Sequence[Evaluation]
    seconds: Sequence[float]

    @property
    def best(self) -> Candidate | None:
        """The one with the highest score, of several the first; None where none has a score."""
        return max(self.evaluations, key=lambda each: each.rank_key).candidate if self._scored else None

    @property
    def _scored(self) -> bool:
        return any(each.score is not None for each in self.evaluations)

    def seconds_to(self, score: float) -> float:
        """The seconds until a score was reached; infinite where it never was."""
        reached = (
            seconds
            for each, seconds in zip(self.evaluations, self.seconds, strict=True)
            if each.score is not None and each.score >= score
        )
        return next(reached, math.inf)


def replay(make: Make, table: BackboneTable, look: str, seconds: float, seed: int) -> Replayed:
    """A strategy on a table, until the time is spent, or nothing new is proposed.

    Args:
        make: makes the strategy.
        table: of backbones.
        look: what scores them.
        seconds: of the processor, that looks may take together.
        seed: of all chance.
    """
    strategy = make(TableSpace(table), random.Random(seed))
    evaluations, spent = list[Evaluation](), list[float]()
    total = 0.0
    while total < seconds and (asked := strategy.ask()):
        told = []
        for candidate in asked:
            evaluation, cost = _look(table, look, candidate)
            told.append(evaluation)
            total += cost
            if total <= seconds:
                evaluations.append(evaluation)
                spent.append(total)
        strategy.tell(told)
    return Replayed(evaluations, spent)


def climb(
    table: BackboneTable,
    before: Replayed,
    rungs: Sequence[tuple[int, str]],
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Replayed:
    """Rungs after a search: so many of the best are looked at in a dearer way, and so on; the last look is the result.

    Args:
        table: of backbones.
        before: the search.
        rungs: how many candidates, and by which look.
        needs: looks that begin with what another one has trained, which is paid for once: by look, the other one.
    """
    found, total = list(before.evaluations), before.seconds[-1] if before.seconds else 0.0
    spent, paid = list(before.seconds), set[tuple[str, str]]()
    for candidates, look in rungs:
        chosen = sorted((each for each in found if each.score is not None), key=lambda each: -each.rank_key)
        found, spent = [], []
        for candidate in [each.candidate for each in chosen[:candidates]]:
            for each in (needs.get(look), look):
                if each is not None and (each, candidate.identity) not in paid:
                    paid.add((each, candidate.identity))
                    again, cost = _look(table, each, candidate)
                    total += cost
            found.append(again)
            spent.append(total)
    return Replayed(found, spent)


def _look(table: BackboneTable, look: str, candidate: Candidate) -> tuple[Evaluation, float]:
    seen = table.looks[look].get(candidate.identity)
    if seen is None:  # its training diverged before it came to that look
        return Evaluation(candidate, None, failure=Failure.NOT_FINITE), 0.0
    failure = Failure.NOT_FINITE if seen.score is None else None
    return Evaluation(candidate, seen.score, seen.standard_error, failure), seen.seconds
