"""What the rungs of a search came to: how each one ranked its candidates, how surely, and what it cost."""

from dataclasses import dataclass

from scipy.stats import kendalltau

from autobert_zero_hf.standard_error import plus_minus

from ..proxies.table import PROXIES
from ..recipe.rungs import Rung
from ..runtime.history import History
from ..runtime.records import Evaluated, Looked

_FEWEST_PAIRS = 3


@dataclass(frozen=True)
class RungFacts:
    """A rung that was climbed.

    Args:
        number: of the rung, from 1.
        rung: as the recipe has it, such as "8 tasks 400 50".
        candidates: that were looked at.
        failed: of them.
        best: the highest score.
        standard_error: of that; None where the rows do not tell it.
        best_before: the rank that the candidate with the highest score had before, among those of this rung, from 1.
        rank_correlation: Kendall's tau of the scores here and before; None where there are fewer than three, or all are
            the same.
        seconds: of all its candidates together; None where an older version did not write them down.
    """

    number: int
    rung: str
    candidates: int
    failed: int
    best: float
    standard_error: float | None
    best_before: int
    rank_correlation: float | None
    seconds: float | None

    def __str__(self) -> str:
        rung = Rung.of(self.rung)
        trained = f"{rung.steps} steps on masked words"
        own = "" if rung.proxy_steps is None else f", {rung.proxy_steps} steps of its own"
        what = getattr(PROXIES.get(rung.proxy), "words", rung.proxy)
        tau = self.rank_correlation
        agreed = "" if tau is None else f", Kendall's tau with the scores before {tau:.2f}"
        cost = "" if self.seconds is None else f"; {self.seconds:,.0f} s"
        failed = f", {self.failed} failed" if self.failed else ""
        return (
            f"Rung {self.number}: {self.candidates} candidates, {trained}, then {what}{own}{failed}: the best "
            f"{plus_minus(self.best, self.standard_error)}, number {self.best_before} of them before{agreed}{cost}."
        )


def rungs_of(history: History) -> list[RungFacts]:
    """The rungs of a search that are climbed, in part or whole; one whose trainings all failed is none."""
    before = {event.identity: event.score for event in history.of(Evaluated) if event.score is not None}
    found = []
    for number, rung in enumerate(history.recipe["rungs"], start=1):
        looked = [event for event in history.of(Looked) if event.number == number]
        scores = {event.identity: event.score for event in looked if event.score is not None}
        if not scores:
            break
        best = max((event for event in looked if event.score is not None), key=lambda event: scores[event.identity])
        earlier = [before[identity] for identity in scores]
        # Where all have the same score, here or before, no order agrees with another.
        told = len(scores) >= _FEWEST_PAIRS and min(len(set(earlier)), len(set(scores.values()))) > 1
        tau = kendalltau(list(scores.values()), earlier).statistic if told else None
        seconds = [event.seconds for event in looked]
        found.append(
            RungFacts(
                number=number,
                rung=rung,
                candidates=len(looked),
                failed=len(looked) - len(scores),
                best=scores[best.identity],
                standard_error=best.standard_error,
                best_before=1 + sum(score > before[best.identity] for score in earlier),
                rank_correlation=None if tau is None else round(float(tau), 3),
                seconds=None if None in seconds else sum(each for each in seconds if each is not None),
            )
        )
        before = scores
    return found
