"""A run in a terminal: a few lines that stay where they are, and change every second."""

import itertools
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

from .score_curve import plot
from .status import CANDIDATES, Progress, SearchStatus, clock

_REFRESHES_A_SECOND = 1.0
_WIDEST = 100
_LABEL = 6
_WIDEST_CURVE = 60
_CURVE_ROWS = 4
_FEWEST_SCORES = 3


class LiveView:
    """Shows the status of a search, in as many lines and columns as the terminal has.

    Args:
        status: gives what is known at the moment; None shows nothing.
    """

    def __init__(self, status: Callable[[], SearchStatus | None]):
        self._status = status
        self._shown: list[int] = []
        self._curve: tuple[object, list[str]] = (None, [])

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

    def _table(
        self, status: SearchStatus, progress: Progress, width: int, height: int, options: ConsoleOptions
    ) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", no_wrap=True, width=_LABEL)
        table.add_column(no_wrap=True, overflow="ellipsis", width=max(1, width - _LABEL - 1))
        done = f"{progress.done:,} of {progress.total:,}"
        of_candidates = progress.name == CANDIDATES
        if status.budget:
            table.add_row("budget", Text(status.budget))
        table.add_row("phase", Text(f"{progress.name}, {clock(progress.seconds)} so far", style="bold"))
        bar = max(1, min(_WIDEST_CURVE, width - _LABEL - 2))
        table.add_row("", ProgressBar(max(1, progress.total), progress.done, width=bar))
        if of_candidates:
            table.add_row("done", f"{done}, {status.failed} failed")
            table.add_row("speed", f"candidates {progress.says_rate()}")
        else:
            table.add_row("done", Text(done + (f", {progress.note}" if progress.note else "")))
        table.add_row("left", f"{progress.says_left()} (this phase)")
        if (best := status.best) is not None:
            table.add_row("best", Text(status.says_best(), style="bold green"))
            self._add_layers(table, best.layers, height - table.row_count)
            self._add_curve(table, status, width - _LABEL - 9, height - table.row_count, options.ascii_only)
        return table

    def _add_layers(self, table: Table, layers: list[str], room: int) -> None:
        """The formulas, equal neighbours together; the last ones go where there is no room."""
        runs, first = [], 1
        for formula, equal in itertools.groupby(layers):
            last = first + len(list(equal)) - 1
            runs.append((str(first) if first == last else f"{first}-{last}", formula))
            first = last + 1
        kept = runs if len(runs) <= room else runs[: max(0, room - 1)]
        for which, formula in kept:
            table.add_row(f"{which:>{_LABEL}}", Text(formula))
        if len(kept) < len(runs) and room > 0:
            table.add_row("", f"and {len(runs) - len(kept)} more")

    def _add_curve(self, table: Table, status: SearchStatus, width: int, room: int, ascii_only: bool) -> None:
        scores = [score for score in status.scores if score is not None]
        rows = min(_CURVE_ROWS, room)
        if rows < 2 or width < 8 or len(scores) < _FEWEST_SCORES:
            return
        width = min(_WIDEST_CURVE, width)
        key = (status, len(scores), width, rows)
        if self._curve[0] != key:  # drawn anew for a new score alone: of thousands it takes milliseconds
            drawn = plot(scores, width, rows, braille=not ascii_only)
            ends = {0: f"{max(scores):.4f}", rows - 1: f"{sorted(scores)[len(scores) // 10]:.4f}"}
            self._curve = key, [f"{row} {ends.get(number, '')}" for number, row in enumerate(drawn)]
        for number, row in enumerate(self._curve[1]):
            table.add_row("" if number else "scores", row)


@contextmanager
def live(console: Console, status: Callable[[], SearchStatus | None]) -> Iterator[None]:
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
