"""How far a search is: beside its phase, its candidates and the best of them."""

import itertools
from collections.abc import Iterator

from autobert_zero_hf.progress.status import Status
from autobert_zero_hf.progress.steps import Progress
from autobert_zero_hf.standard_error import plus_minus

from .history import History
from .records import Evaluated
from .score_curve import plot

CANDIDATES = "Candidates"
_LABEL = 6
_BEST = "bold green"
_WIDEST_CURVE = 60
_CURVE_ROWS = 4
_CURVE_ENDS = 8
"""Columns of the scores beside a curve."""
_FEWEST_SCORES = 3


class SearchStatus(Status):
    """What is known of a search while it goes on.

    Args:
        history: of the search, which grows.
        budget: what its models may cost, in words; empty where nothing is bounded.
    """

    def __init__(self, history: History | None = None, budget: str = ""):
        super().__init__(budget)
        self._history = history or History()
        self._said_best: str | None = None
        self._curve: tuple[object, list[str]] = (None, [])

    @property
    def scores(self) -> list[float | None]:
        """The scores of the candidates in the order in which they came, None for those that failed."""
        return [event.score for event in self._history.of(Evaluated)]

    @property
    def best(self) -> Evaluated | None:
        """The best candidate so far."""
        return self._history.best

    @property
    def failed(self) -> int:
        """How many candidates could not be scored."""
        return self.scores.count(None)

    def says_best(self) -> str:
        """The best score with its standard error, and the sizes where they are searched."""
        best = self.best
        if best is None or best.score is None:
            return "none yet"
        return plus_minus(best.score, best.standard_error) + (f" ({best.sizes})" if best.sizes else "")

    def lines(self) -> Iterator[str]:
        """A line, and in the phase of candidates another for a new best one."""
        yield from super().lines()
        best = self.best
        if self.progress and self.progress.name == CANDIDATES and best and best.identity != self._said_best:
            self._said_best = best.identity
            yield f"  the best, candidate {best.number}: {'; '.join(best.layers)}"

    def course(self, progress: Progress) -> Iterator[str]:
        """Of candidates how many failed, the best score, and how quickly they come."""
        if progress.name != CANDIDATES:
            yield from super().course(progress)
            return
        yield from self.outcome(progress)
        yield f"candidates {progress.says_rate()}"

    def outcome(self, progress: Progress) -> Iterator[str]:
        """Of candidates how many failed, and the best score."""
        if progress.name != CANDIDATES:
            yield from super().outcome(progress)
            return
        yield f"{self.failed} failed"
        yield f"best {self.says_best()}"

    def rows(self, progress: Progress) -> Iterator[tuple[str, str]]:
        """Of candidates how many failed, and how quickly they come."""
        if progress.name != CANDIDATES:
            yield from super().rows(progress)
            return
        yield "done", f"{progress.done:,} of {progress.total:,}, {self.failed} failed"
        yield "speed", f"candidates {progress.says_rate()}"

    def drawn(self, width: int, height: int, ascii_only: bool) -> Iterator[tuple[str, str, str]]:
        """The best candidate with its layers, and a curve of the scores, as there is room."""
        if (best := self.best) is None:
            return
        yield "best", self.says_best(), _BEST
        layers = list(_layers(best.layers, height - 1))
        for label, words in layers:
            yield label, words, ""
        for number, row in enumerate(self._curve_rows(width - _CURVE_ENDS, height - 1 - len(layers), ascii_only)):
            yield "" if number else "scores", row, ""

    def _curve_rows(self, width: int, room: int, ascii_only: bool) -> list[str]:
        scores = [score for score in self.scores if score is not None]
        rows, width = min(_CURVE_ROWS, room), min(_WIDEST_CURVE, width)
        if rows < 2 or width < 8 or len(scores) < _FEWEST_SCORES:
            return []
        key = (len(scores), width, rows)
        if self._curve[0] != key:  # drawn anew for a new score alone: of thousands it takes milliseconds
            drawn = plot(scores, width, rows, braille=not ascii_only)
            ends = {0: f"{max(scores):.4f}", rows - 1: f"{sorted(scores)[len(scores) // 10]:.4f}"}
            self._curve = key, [f"{row} {ends.get(number, '')}" for number, row in enumerate(drawn)]
        return self._curve[1]


def _layers(layers: list[str], room: int) -> Iterator[tuple[str, str]]:
    """The formulas, equal neighbours together; the last ones go where there is no room."""
    runs, first = [], 1
    for formula, equal in itertools.groupby(layers):
        last = first + len(list(equal)) - 1
        runs.append((str(first) if first == last else f"{first}-{last}", formula))
        first = last + 1
    kept = runs if len(runs) <= room else runs[: max(0, room - 1)]
    for which, formula in kept:
        yield f"{which:>{_LABEL}}", formula
    if len(kept) < len(runs) and room > 0:
        yield "", f"and {len(runs) - len(kept)} more"
