"""The steps of a phase, and what can be said of the time that is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

UNKNOWN = "not known yet"
_FEWEST_STEPS = 3
"""Fewer say nothing of those that follow: the first one also sets up what the others find."""


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: 2:05, 3h 10m."""
    seconds = round(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 60}:{seconds % 60:02}"


def says_left(seconds: float | None) -> str:
    """The time that is left, in words; None where nobody can know it yet."""
    return UNKNOWN if seconds is None else f"about {clock(seconds)}"


@dataclass
class Progress:
    """The steps of a phase.

    Args:
        name: of the phase.
        total: how many steps there are.
        done: how many are done; those of an earlier run are, at the start.
        unit: what a step is, in the plural; empty where that says nothing.
        note: something about the last one.
        now: tells the time in seconds.

    Attributes:
        ended: whether the phase came to its end, which may be before the last step.
    """

    name: str
    total: int
    done: int = 0
    unit: str = "steps"
    note: str = ""
    now: Callable[[], float] = time.monotonic
    ended: bool = field(init=False, default=False)
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
        enough = fresh >= _FEWEST_STEPS or fresh >= self.total > 0
        return fresh / (self.last - self.start) if enough and self.last > self.start else None

    @property
    def left(self) -> float | None:
        """Seconds to the end of the phase, if it goes on as it went; None while that is not known."""
        if self.done >= self.total:
            return 0.0
        if self.rate is None:
            return None
        return max(0.0, (self.total - self.done) / self.rate - (self.now() - self.last))

    def says_rate(self) -> str:
        """Steps an hour, in words."""
        return UNKNOWN if self.rate is None else f"{3600 * self.rate:,.0f} an hour"
