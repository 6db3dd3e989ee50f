"""How far a run is: a live view in a terminal or below the cell of a notebook, elsewhere calm plain lines on stderr."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol, Self

from rich.console import Console

from .live_view import live
from .notebook_view import NotebookView, in_notebook
from .plan import Planned
from .status import Status
from .steps import Progress

_SECONDS_BETWEEN_LINES = 5.0
_SHARE_BETWEEN_LINES = 0.05
"""Of the time so far: a log of a day is not longer than it can be read."""


class Phase(Protocol):
    """Called after each step of a phase."""

    def __call__(self, done: int, note: str = "") -> None:
        """Say how many steps are done, and something about the last one."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # what rich is handling; by default it would end the process


class Reporter:
    """Shows messages and phases on stderr; silent in all processes but the main one.

    In a `with` block, and in a terminal or a notebook, there is one live view for all phases.

    Args:
        active: whether this process may write.
    """

    def __init__(self, active: bool = True):
        self._console = _Console(file=sys.stderr, highlight=False, quiet=not active, soft_wrap=True)
        # Not what the environment says of colours, but whether lines can be written over.
        self._in_terminal = active and sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
        self._status = Status()
        self._view = ExitStack()
        self._below: NotebookView | None = None
        self._in_notebook = active and in_notebook()

    def __enter__(self) -> Self:
        if self._in_notebook:
            self._below = NotebookView(lambda: self._status)
        elif self._in_terminal:
            self._view.enter_context(live(self._console, lambda: self._status))
        return self

    def __exit__(self, *_: object) -> None:
        self._view.close()

    def say(self, message: str) -> None:
        """Prints a line."""
        if self._below is None:
            self._console.print(message, markup=False)
        else:
            self._below.say(message)

    def expect(self, phases: Sequence[Planned]) -> None:
        """The run is to have these phases, in this order."""
        self._status.expect(phases)

    def follow(self, status: Status) -> None:
        """Shows this from now on, as a part of the same run.

        Args:
            status: knows what is special about it.
        """
        status.plan, self._status = self._status.plan, status

    @contextmanager
    def phase(self, name: str, total: int, done: int = 0, unit: str = "steps") -> Iterator[Phase]:
        """A phase of `total` steps, of which `done` were done before.

        Args:
            name: of the phase, as the plan has it.
            total: how many steps there are.
            done: how many of them.
            unit: what a step is, in the plural; with an empty one the last note says what came of the phase.
        """
        status = self._status
        progress = status.progress = Progress(name, total, done, unit)
        status.plan.begin(name, status.about)
        said = 0.0

        def show(done: int, note: str = "") -> None:
            nonlocal said
            progress.step(done, note)
            if self._below is not None:
                self._below.show()
                return
            pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * progress.seconds)
            if not self._in_terminal and done < total and progress.seconds - said >= pause:
                said = progress.seconds
                self._say_all(status)

        try:
            yield show
            progress.ended = True
        finally:  # also where it was broken off
            if progress.done > progress.before:
                self._say_all(status)
            status.plan.end(progress)
            status.progress = None

    def _say_all(self, status: Status) -> None:
        for line in status.lines():
            self.say(line)
