"""What is known of a candidate once it was looked at."""

from dataclasses import dataclass

from ..space.candidate import Candidate


@dataclass(frozen=True)
class Evaluation:
    """A candidate with its score, the larger the better, or with the reason why it has none."""

    candidate: Candidate
    score: float | None
    standard_error: float | None = None
    failure: str | None = None

    @property
    def rank_key(self) -> float:
        """For sorting: a failure ranks last."""
        return float("-inf") if self.score is None else self.score
