"""What the scores of a search are worth: which of the best can be told apart, and whether it beat random draws."""

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from autobert_zero_hf.standard_error import is_known, plus_minus

from ..runtime.history import History

_FEWEST = 8
"""Random candidates from which something can be said of others."""
_RESAMPLES = 400


@dataclass(frozen=True)
class Ties:
    """The candidates that cannot be told apart from the best one.

    Args:
        level: how many, the best one included: those within two standard errors of the difference. The rows are the
            same for all, so that differences are surer than this, which takes them for independent.
        scored: all candidates with a score.
    """

    level: int
    scored: int

    @classmethod
    def of(cls, history: History) -> "Ties | None":
        """Those of a search; None where no error is known."""
        level = level_with_best(history)
        return cls(len(level), len(history.scored)) if level else None

    def __str__(self) -> str:
        if self.level == 1:
            return "The best candidate is more than two standard errors above every other one."
        return (
            f"{self.level} of {self.scored} candidates are within two standard errors of the best score: these rows do "
            "not tell which of them is the best."
        )


def level_with_best(history: History) -> frozenset[int]:
    """The numbers of the candidates that cannot be told apart from the best one; none where no error is known."""
    scored = [(each.number, each.score, each.standard_error) for each in history.scored if each.score is not None]
    if not scored:
        return frozenset()
    _, best, error = max(scored, key=lambda each: each[1])
    if error is None or not is_known(error):
        return frozenset()
    return frozenset(number for number, score, own in scored if best - score <= 2 * math.hypot(error, own or 0.0))


@dataclass(frozen=True)
class RandomDraws:
    """What as many random candidates would have come to, by those that a search began with.

    Args:
        best: the highest score of the search.
        expected: that of as many random draws, in the mean (Dodge et al. 2019, arXiv 1909.03004).
        error: its standard error, over which random candidates there are (bootstrap).
        draws: how many candidates the search had.
        drawn: how many of them were random, from whose scores the others are taken; with many more draws than these,
            better ones than any of them may come, so that `expected` is too low.
    """

    best: float
    expected: float
    error: float
    draws: int
    drawn: int

    @classmethod
    def of(cls, history: History) -> "RandomDraws | None":
        """Those of a search; None where there are few random candidates, or no others."""
        scores = [event.score for event in history.scored if event.score is not None]
        drawn = [event.score for event in history.drawn if event.score is not None]
        if not _FEWEST <= len(drawn) < len(scores):
            return None
        rng = random.Random(0)
        samples = (rng.choices(drawn, k=len(drawn)) for _ in range(_RESAMPLES))
        error = statistics.stdev(expected_best_of(sample, len(scores)) for sample in samples)
        return cls(max(scores), expected_best_of(drawn, len(scores)), error, len(scores), len(drawn))

    def __str__(self) -> str:
        above = self.best - self.expected
        least = "at least " if self.draws > self.drawn else ""
        verdict = "above" if above > 2 * self.error else "below" if above < -2 * self.error else "level with"
        return (
            f"The best score, {self.best:.4f}, is {verdict} what {self.draws} random draws would have reached, "
            f"{least}{plus_minus(self.expected, self.error)} by the {self.drawn} that there are."
        )


def expected_best_of(scores: Sequence[float], draws: int) -> float:
    """The mean of the highest of so many draws, with replacement, from these scores.

    >>> expected_best_of([1.0, 2.0], 2)  # of (1, 1), (1, 2), (2, 1) and (2, 2)
    1.75
    """
    many = len(scores)
    shares = [(place / many) ** draws for place in range(many + 1)]
    return sum(score * (shares[place + 1] - shares[place]) for place, score in enumerate(sorted(scores)))
