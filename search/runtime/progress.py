"""How far a run is: a bar for each phase in a terminal, calm lines elsewhere, both with the expected remaining time."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 5.0


class Phase(Protocol):
    """Called after each step of a phase."""

    def __call__(self, done: int, note: str = "") -> None:
        """Say how many steps are done, and something about the last one."""


class Reporter:
    """Shows messages and phases; silent in all processes but the main one.

    Args:
        active: whether this process may write.
    """

    def __init__(self, active: bool = True):
        self._console = Console(file=sys.stdout, highlight=False, quiet=not active, soft_wrap=True)

    def say(self, message: str) -> None:
        """A line."""
        self._console.print(message, markup=False)

    @contextmanager
    def phase(self, name: str, total: int, done: int = 0) -> Iterator[Phase]:
        """A phase of `total` steps, of which `done` were done before."""
        if self._console.is_terminal:
            yield from self._bar(name, total, done)
        else:
            yield from self._lines(name, total, done)

    def _bar(self, name: str, total: int, before: int) -> Iterator[Phase]:
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
        )
        with _ended_by_sigterm(), Progress(*columns, console=self._console) as bars:
            task = bars.add_task(name, total=total, completed=before, note="")
            yield lambda done, note="": bars.update(task, completed=done, note=note)

    def _lines(self, name: str, total: int, before: int) -> Iterator[Phase]:
        start = last = time.monotonic()
        said_end = False

        def show(done: int, note: str = "") -> None:
            nonlocal last, said_end
            now = time.monotonic()
            if said_end or (now - last < _SECONDS_BETWEEN_LINES and done < total):
                return
            last, said_end = now, done >= total
            left = (now - start) / max(1, done - before) * (total - done)
            self.say(
                f"{name}: {done}/{total}, {clock(now - start)} so far"
                + (f", about {clock(left)} left" if done < total else "")
                + (f", {note}" if note else "")
            )

        yield show


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM, which a launcher sends when another process has died, end this one in order: with a cursor."""
    if threading.current_thread() is not threading.main_thread():  # no other may handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes: 2:05, 3h 10m."""
    seconds = round(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 60}:{seconds % 60:02}"
