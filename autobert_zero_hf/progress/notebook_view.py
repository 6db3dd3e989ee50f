"""A run in a notebook: below the cell one output that changes, with a bar, and the phases that are finished."""

import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any

from .status import Status

_SECONDS = 0.5
"""Between two changes, at least: each is a message to the browser."""


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this program, which shows HTML below its cells."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class NotebookView:
    """What a run says, below the cell that runs it.

    Args:
        status: gives what is known at the moment.
    """

    def __init__(self, status: Callable[[], Status]):
        from IPython.display import HTML, display

        self._status = status
        self._said: list[str] = []
        self._html = HTML
        self._handle: Any = display(HTML(""), display_id=True)
        self._shown = 0.0

    def say(self, message: str) -> None:
        """One line more."""
        self._said.append(message)
        self.show(at_once=True)

    def show(self, at_once: bool = False) -> None:
        """Bring it up to date.

        Args:
            at_once: also where it was changed a moment ago.
        """
        if not at_once and time.monotonic() - self._shown < _SECONDS:
            return
        self._shown = time.monotonic()
        status, lines = self._status(), [f"<div>{escape(line)}</div>" for line in self._said]
        if (progress := status.progress) is not None and not progress.ended:
            bar = f'<progress value="{progress.done}" max="{max(1, progress.total)}" style="width: 20em"></progress>'
            lines.append(f"<div>{bar} {escape(' '.join(status.lines()))}</div>")
        self._handle.update(self._html("".join(lines)))
