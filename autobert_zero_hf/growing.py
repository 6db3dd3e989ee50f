"""Files that grow by whole lines: what was written is on the disk, and goes to the file that was begun, or nowhere."""

import logging
import os
import weakref
from contextlib import suppress
from pathlib import Path

from .claims import ReplacedError, check_claims

logger = logging.getLogger(__name__)


class GrowingFile:
    """A file of lines that this process alone appends to.

    The file is kept open, so that one of the same name that took its place is told from it.

    Args:
        path: the file; it is made with the first line.

    Attributes:
        lines: how many it has, as far as this process knows.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lines = 0
        self._length = 0
        self._begun: os.stat_result | None = None
        self._close: weakref.finalize | None = None

    def read(self) -> list[bytes]:
        """All lines, without their ends; to be called before anything is appended.

        A last one that was cut off, as where a process was killed, is dropped from the file, too.
        """
        if not self.path.exists():
            return []
        self._keep(os.open(self.path, os.O_RDONLY))
        *lines, last = self.path.read_bytes().split(b"\n")
        self.lines, self._length = len(lines), sum(len(line) + 1 for line in lines)
        if last:
            logger.warning("%s: the last line was cut off when it was written, and is dropped", self.path)
            with self.path.open("r+b") as file:
                file.truncate(self._length)
                os.fsync(file.fileno())
        return lines

    def append(self, lines: bytes) -> None:
        """Append; the lines are on the disk when this returns.

        Args:
            lines: whole lines.

        Raises:
            ReplacedError: if the file, or its folder where that is claimed, is no longer the one that was begun; what
                is there now is left alone.
            OSError: if the system refuses; the file is then as it was before.
        """
        check_claims(self.path)
        # Without a buffer, which would try to write its rest once more when the file is closed.
        with open(self._opened(), "ab", buffering=0) as file:
            try:
                rest = lines
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:  # a signal takes back nothing: what is whole by then stays
                with suppress(OSError):  # a torn last line is dropped when the file is read
                    file.truncate(self._length)
                    if not self._length:
                        self.path.unlink()
                        self.close()
                raise
        self._length += len(lines)
        self.lines += lines.count(b"\n")

    def close(self) -> None:
        """Let go of the file; it is not looked after any more."""
        if self._close is not None:
            self._close()
        self._begun = None

    def _keep(self, descriptor: int) -> None:
        self._begun = os.fstat(descriptor)
        self._close = weakref.finalize(self, os.close, descriptor)

    def _opened(self) -> int:
        """A descriptor of the file that was begun, or of a new one, to append to."""
        append = os.O_WRONLY | os.O_APPEND
        if self._begun is None:
            try:
                descriptor = os.open(self.path, append | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError as error:
                raise ReplacedError(
                    f"{self.path} was made by another program meanwhile: nothing was written to it; use another folder"
                ) from error
            self._keep(os.dup(descriptor))
            return descriptor
        try:
            descriptor = os.open(self.path, append)
        except FileNotFoundError as error:
            raise ReplacedError(
                f"{self.path} was removed while this process wrote to it, and its {self.lines} lines went with it: "
                "nothing more is written; begin again"
            ) from error
        there = os.fstat(descriptor)
        if os.path.samestat(there, self._begun) and there.st_size == self._length:
            return descriptor
        os.close(descriptor)
        if os.path.samestat(there, self._begun):
            raise ReplacedError(
                f"{self.path} has {there.st_size:,} bytes, and not the {self._length:,} that this process left there: "
                "another program writes to it, so nothing more is written; restore the file, or begin again"
            )
        raise ReplacedError(
            f"{self.path} was replaced while this process wrote to it, and its {self.lines} lines went with it: "
            "nothing was written to what is there now; restore the file, or begin again in another folder"
        )
