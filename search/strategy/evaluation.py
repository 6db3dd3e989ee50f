"""What is known of a candidate once it was looked at."""

import enum
from dataclasses import dataclass

from ..space.candidate import Candidate


class Failure(enum.StrEnum):
    """Why a candidate has no score."""

    NOT_FINITE = "not finite"
    OUT_OF_MEMORY = "out of memory"
    ILLEGAL = "illegal"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Evaluation:
    """A candidate with its score, the larger the better, or with the reason why it has none.

    Args:
        candidate: the candidate.
        score: None for a failure.
        standard_error: of the score, where the proxy knows it.
        failure: its kind.
        detail: of the failure, in a line.
    """

    candidate: Candidate
    score: float | None
    standard_error: float | None = None
    failure: Failure | None = None
    detail: str | None = None

    @property
    def rank_key(self) -> float:
        """For sorting: a failure ranks last."""
        return float("-inf") if self.score is None else self.score
