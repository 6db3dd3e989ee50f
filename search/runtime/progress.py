"""How far a run is, said on stderr: a live view in a terminal, calm plain lines elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, Self

from rich.console import Console

from .journal import Journal
from .live_view import live
from .status import CANDIDATES, Progress, SearchStatus, clock

__all__ = ["CANDIDATES", "Phase", "Reporter", "clock"]

_SECONDS_BETWEEN_LINES = 5.0
_SHARE_BETWEEN_LINES = 0.05
"""Of the time so far: a log of a day is not longer than it can be read."""


class Phase(Protocol):
    """Called after each step of a phase."""

    def __call__(self, done: int, note: str = "") -> None:
        """Say how many steps are done, and something about the last one."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # what rich is handling; by itself it would end the process


class Reporter:
    """Shows messages and phases on stderr; silent in all processes but the main one.

    In a `with` block, and in a terminal, there is one live view for all phases.

    Args:
        active: whether this process may write.
    """

    def __init__(self, active: bool = True):
        self._console = _Console(file=sys.stderr, highlight=False, quiet=not active, soft_wrap=True)
        # Not what the environment says of colours, but whether lines can be written over.
        self._in_terminal = active and sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
        self._status = SearchStatus()
        self._view = ExitStack()
        self._said_best: str | None = None

    def __enter__(self) -> Self:
        if self._in_terminal:
            self._view.enter_context(live(self._console, lambda: self._status))
        return self

    def __exit__(self, *_: object) -> None:
        self._view.close()

    def say(self, message: str) -> None:
        """Prints a line."""
        self._console.print(message, markup=False)

    def follow(self, journal: Journal, budget: str = "") -> None:
        """Shows this search from now on.

        Args:
            journal: of the search; its candidates are counted.
            budget: what its models may cost, in words.
        """
        self._status = SearchStatus(journal.history, budget)

    @contextmanager
    def phase(self, name: str, total: int, done: int = 0) -> Iterator[Phase]:
        """A phase of `total` steps, of which `done` were done before."""
        progress = self._status.progress = Progress(name, total, done)
        said = 0.0

        def show(done: int, note: str = "") -> None:
            nonlocal said
            progress.step(done, note)
            pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * progress.seconds)
            if not self._in_terminal and done < total and progress.seconds - said >= pause:
                said = progress.seconds
                self._line()

        try:
            yield show
        finally:
            # Also where it was broken off.
            if progress.done > progress.before:
                self._line()
            self._status.progress = None

    def _line(self) -> None:
        status = self._status
        self.say(status.line())
        best = status.best
        if status.progress and status.progress.name == CANDIDATES and best and best.identity != self._said_best:
            self._said_best = best.identity
            self.say(f"  the best, candidate {best.number}: {'; '.join(best.layers)}")
