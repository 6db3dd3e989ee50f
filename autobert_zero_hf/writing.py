"""Files and folders that appear whole or not at all, also where the disk is full."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import AutoBertZeroError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WritingError(AutoBertZeroError):
    """A file or folder that could not be written."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write a file or a folder at, which takes its name once all of it is on the disk.

    Args:
        path: the name; what was there is replaced, and kept where the writing fails.

    Raises:
        WritingError: if the system refuses a write; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        for file in partial.rglob("*") if partial.is_dir() else [partial]:
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        if partial.is_dir() or path.is_dir():
            _remove(path)
        partial.replace(path)
    except Exception as error:
        _remove(partial)
        if cause := _of_the_system(error):
            raise WritingError(f"{path} could not be written ({cause.strerror}): {how_to_mend(cause)}") from error
        raise


def how_to_mend(error: OSError) -> str:
    """What to do about a write that the system refused."""
    return f"{'make room on that disk' if error.errno in _FULL else 'put that right'} and run the same command again"


def _of_the_system(error: BaseException | None) -> OSError | None:
    """What the system said, where that is why something failed."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        # The libraries that are written in Rust raise exceptions of their own.
        if said := re.search(r"\(os error (\d+)\)", str(error)):
            return OSError(int(said[1]), os.strerror(int(said[1])))
        error = error.__cause__ or error.__context__
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
