"""With which status a command ends, and what it says then: the one place that knows."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Status(IntEnum):
    """The statuses, and what they mean; those above 128 are what a shell gives to a program that the signal ends."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "Status":
        """A status that knows its meaning."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.meaning = meaning
        return status

    DONE = 0, "done, also where whoever reads the result has seen enough, as `head` does"
    FAILED = 1, "it failed: the last line of stderr says why, and what to do"
    USAGE = 2, "the command line is not understood"
    INTERRUPTED = 128 + signal.SIGINT, "interrupted (Ctrl-C)"
    UNREAD = 128 + signal.SIGPIPE, "whoever reads stderr went away before the work was done"
    TERMINATED = 128 + signal.SIGTERM, "ended by SIGTERM"


TABLE = "\n".join(["exit status:", *(f"  {status.value:<4} {status.meaning}" for status in Status)])
"""For the help."""


class Terminated(BaseException):
    """SIGTERM has come; not an `Exception`, so that nothing takes it for a failure."""


@contextmanager
def sigterm_raised() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does: files whole, locks free, the terminal with its cursor.

    Raises:
        Terminated: when it comes.
    """
    if threading.current_thread() is not threading.main_thread():  # no other may handle signals
        yield
        return

    def end(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
