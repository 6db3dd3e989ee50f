"""A run in a terminal: a few lines that stay where they are, and change every second."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType, Segment
from rich.table import Table
from rich.text import Text

from .status import Status
from .steps import Progress, clock, says_left

_REFRESHES_A_SECOND = 1.0
_WIDEST = 100
_LABEL = 6
_WIDEST_BAR = 60


class LiveView:
    """Shows the status of a run, in as many lines and columns as the terminal has.

    Args:
        status: gives what is known at the moment; None shows nothing.
    """

    def __init__(self, status: Callable[[], Status | None]):
        self._status = status
        self._shown: list[int] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        status = self._status()
        # The last column and row stay free: a terminal that fills them may scroll.
        width, height = min(options.max_width, _WIDEST + 1) - 1, console.size.height - 1
        # Read once: the phase may end meanwhile.
        progress = None if status is None else status.progress
        table = self._table(status, progress, width, height, options) if status and progress else None
        lines = [] if table is None else console.render_lines(table, options.update(width=width, height=None))[:height]
        # A terminal that has become narrower has broken the lines that are there into more.
        broken = sum(max(0, (cells - 1) // max(1, options.max_width)) for cells in self._shown)
        if broken:
            yield Segment(f"\x1b[{broken}A\x1b[J", None, [(ControlType.CURSOR_UP, broken)])
        self._shown = [Segment.get_line_length(line) for line in lines]
        for number, line in enumerate(lines):
            if number:
                yield Segment.line()
            yield from line

    def _table(self, status: Status, progress: Progress, width: int, height: int, options: ConsoleOptions) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", no_wrap=True, width=_LABEL)
        table.add_column(no_wrap=True, overflow="ellipsis", width=max(1, width - _LABEL - 1))
        if status.about:
            table.add_row("budget", Text(status.about))
        place = status.plan.says_place()
        table.add_row(
            "phase", Text(f"{f'{place}: ' if place else ''}{progress.name}, {clock(progress.seconds)} so far", "bold")
        )
        bar = max(1, min(_WIDEST_BAR, width - _LABEL - 2))
        table.add_row("", ProgressBar(max(1, progress.total), progress.done, width=bar))
        for label, words in status.rows(progress):
            table.add_row(label, Text(words))
        whole = f", of the whole run {says_left(status.plan.left(progress))}" if place else ""
        table.add_row("left", f"{says_left(progress.left)}{whole}")
        for label, words, style in status.drawn(width - _LABEL - 1, height - table.row_count, options.ascii_only):
            table.add_row(label, Text(words, style))
        return table


@contextmanager
def live(console: Console, status: Callable[[], Status | None]) -> Iterator[None]:
    """Shows it while the block runs; then the terminal is as it was, with what was printed meanwhile.

    What is written to stdout and stderr, also by handlers of `logging`, appears above the view.

    Args:
        console: of a terminal.
        status: gives what is known at the moment.
    """
    view = Live(
        LiveView(status), console=console, refresh_per_second=_REFRESHES_A_SECOND, transient=True,
        vertical_overflow="visible",
    )  # fmt: skip
    terminal = sys.stderr
    with view:
        handlers = [handler for handler in _stream_handlers() if handler.stream is terminal]
        for handler in handlers:
            handler.setStream(sys.stderr)  # what takes its place now
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(terminal)


def _stream_handlers() -> Iterator[logging.StreamHandler]:
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler):
                yield handler
