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


class Signals:
    """The signals that end a command, and which of them has come.

    A library that is interrupted may raise an error of its own in the place of the signal, or after it. What ended the
    command is the signal all the same.
    """

    came: Status | None = None
    """The status of the first one; None as long as none has come."""

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Lets SIGTERM end the block as Ctrl-C does: files whole, locks free, the terminal with its cursor.

        Raises:
            KeyboardInterrupt: when Ctrl-C comes.
            Terminated: when SIGTERM comes.
        """
        if threading.current_thread() is not threading.main_thread():  # no other may handle signals
            yield
            return
        taken = [signal.SIGTERM]
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else a job in the background, deaf to it
            taken.append(signal.SIGINT)
        before = {number: signal.signal(number, self._take) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _frame: object) -> None:
        self.came = self.came or (Status.INTERRUPTED if number == signal.SIGINT else Status.TERMINATED)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated
