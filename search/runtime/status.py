"""How far a run is: its phase, its candidates, and what can be said of the time that is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from autobert_zero_hf.standard_error import plus_minus

from .history import History
from .records import Evaluated

CANDIDATES = "Candidates"
UNKNOWN = "not known yet"
_FEWEST_STEPS = 3
"""Fewer say nothing of those that follow: the first one also sets up what the others find."""


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: 2:05, 3h 10m."""
    seconds = round(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 60}:{seconds % 60:02}"


@dataclass
class Progress:
    """The steps of a phase.

    Args:
        name: of the phase.
        total: how many steps there are.
        done: how many are done; those of an earlier run are, at the start.
        note: something about the last one.
        now: tells the time in seconds.
    """

    name: str
    total: int
    done: int = 0
    note: str = ""
    now: Callable[[], float] = time.monotonic
    before: int = field(init=False)
    start: float = field(init=False)
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.done
        self.start = self.last = self.now()

    def step(self, done: int, note: str = "") -> None:
        """So many steps are done."""
        self.done, self.note, self.last = done, note, self.now()

    @property
    def seconds(self) -> float:
        """Since this run of the phase began."""
        return self.now() - self.start

    @property
    def rate(self) -> float | None:
        """Steps a second of this run; None while there are too few to tell."""
        fresh = self.done - self.before
        return fresh / (self.last - self.start) if fresh >= _FEWEST_STEPS and self.last > self.start else None

    @property
    def left(self) -> float | None:
        """Seconds to the end of the phase, if it goes on as it went; None while that is not known."""
        if self.rate is None:
            return None
        return max(0.0, (self.total - self.done) / self.rate - (self.now() - self.last))

    def says_left(self) -> str:
        """The time that is left, in words."""
        return UNKNOWN if self.left is None else f"about {clock(self.left)}"

    def says_rate(self) -> str:
        """Steps an hour, in words."""
        return UNKNOWN if self.rate is None else f"{3600 * self.rate:,.0f} an hour"


class SearchStatus:
    """What is known of a search while it goes on.

    Args:
        history: of the search, which grows.
        budget: what its models may cost, in words; empty where nothing is bounded.

    Attributes:
        progress: of the phase that is under way.
    """

    def __init__(self, history: History | None = None, budget: str = ""):
        self._history = history or History()
        self.budget = budget
        self.progress: Progress | None = None

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

    def line(self) -> str:
        """All of it in a line, for a log."""
        progress = self.progress
        assert progress is not None
        parts = [f"{progress.name}: {progress.done}/{progress.total}, {clock(progress.seconds)} so far"]
        if progress.name == CANDIDATES:
            parts += [f"{self.failed} failed", f"best {self.says_best()}", f"candidates {progress.says_rate()}"]
        if progress.done < progress.total:
            parts.append(f"time left {progress.says_left()}")
        if progress.note:
            parts.append(progress.note)
        return (f"{self.budget}: " if self.budget else "") + ", ".join(parts)
