"""Folders that one process, or one launch, has for itself, and the certainty that it still has them.

A lock is held on a file, and not on its name: where a folder is removed and made anew, its old lock keeps nobody out of
the new one. So whatever is written into a claimed folder (`writing`, `growing`) is written only while the lock's file
is still the one at its place.
"""

import os
import weakref
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock

from .errors import WritingError

_active: "weakref.WeakSet[Claim]" = weakref.WeakSet()


class ReplacedError(WritingError):
    """A file or folder that was removed or replaced while this process worked in it; nothing was written there."""


class Claim:
    """A folder that others are kept out of until the claim is released, or this process ends, however it does.

    The lock's file is opened before it is locked: if it is the one at its place afterwards, too, it is the locked one.

    Args:
        folder: the folder.
        lock: the file of the lock, which exists.
    """

    def __init__(self, folder: Path, lock: Path):
        self.folder = Path(os.path.abspath(folder))
        self._lock = Path(os.path.abspath(lock))
        self._held: BaseFileLock | None = None
        # An open file's number is not given to another one.
        descriptor = os.open(lock, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, descriptor)
        self._file = os.fstat(descriptor)

    def hold(self, held: BaseFileLock | None) -> None:
        """Makes the folder this process's own from now on.

        Args:
            held: the lock; None in a process of a launch whose main process holds it.

        Raises:
            ReplacedError: if it is another file's.
        """
        self._held = held
        self.check()
        for other in [each for each in _active if each._lock == self._lock]:
            _active.discard(other)  # of a folder that was taken away, or this one would not have its lock
        _active.add(self)

    @property
    def lost(self) -> str | None:
        """Why the folder is no longer this process's own, in words; None as long as it is."""
        try:
            there = os.stat(self._lock)
        except (FileNotFoundError, NotADirectoryError):
            if not self.folder.is_dir():
                return (
                    f"{self.folder} was removed or renamed while this process worked in it: what it had written there "
                    "went with it, and nothing more is written; begin again"
                )
            return (
                f"{self._lock} was removed while this process worked in {self.folder}, so that another one could begin "
                "there: nothing more is written; look at what is there before you run the same command again"
            )
        if os.path.samestat(there, self._file):
            return None
        return (
            f"{self.folder} was removed while this process worked in it, and what is there now belongs to another run: "
            "nothing was written to it; begin again in another folder"
        )

    def check(self) -> None:
        """See that the folder is still this process's own.

        Raises:
            ReplacedError: if it is not.
        """
        if (why := self.lost) is not None:
            raise ReplacedError(why)

    def release(self) -> None:
        """Lets other processes have the folder."""
        _active.discard(self)
        self._close()
        if self._held is not None:
            self._held.release()


def shared_claim(folder: Path, lock: Path) -> Claim | None:
    """The claim that the main process of this launch holds, for another process of it to go by.

    Returns:
        None where this process does not see the lock's file, as on another machine's disk.
    """
    with suppress(OSError):
        claim = Claim(folder, lock)
        claim.hold(None)
        return claim
    return None


def check_claims(path: Path) -> None:
    """See that a path lies in no folder that was taken from this process.

    Raises:
        ReplacedError: if it does.
    """
    place = Path(os.path.abspath(path))
    for claim in list(_active):
        if place.is_relative_to(claim.folder):
            claim.check()
