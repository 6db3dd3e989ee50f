"""When a process of a launch ends, the others lose their connection to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import AutoBertZeroError

_SECONDS_FOR_THE_LAUNCHER = 30.0


class LostProcessError(AutoBertZeroError):
    """Another process of the launch has ended."""


@contextmanager
def waiting_for_the_launcher() -> Iterator[None]:
    """Leave it to the launcher to end this process where the connection to another one is lost.

    The process that ended first knows why it did, or its launcher does. A process that merely notices would have
    nothing to add, and would hide the cause if it ended before the launcher looks.

    Raises:
        LostProcessError: if no launcher ended this process within half a minute.
    """
    try:
        yield
    except RuntimeError as error:
        from torch.distributed import DistError

        # Gloo has no exception of its own, but names its source file.
        if not isinstance(error, DistError) and "gloo" not in str(error):
            raise
        time.sleep(_SECONDS_FOR_THE_LAUNCHER)
        raise LostProcessError(
            f"the connection to another process was lost ({str(error).splitlines()[0]}): see what that one said, "
            "and run the same command again"
        ) from error
