"""Files and folders that appear whole or not at all; also where the disk is full."""

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .claims import Claim, ReplacedError, check_claims
from .errors import AutoBertZeroError
from .errors import WritingError as WritingError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CUT_SHORT = re.compile(r"PytorchStreamWriter failed writing|inline_container\.cc.*unexpected pos")


def claimed(folder: Path, lock: Path, unfinished: Sequence[str] = (), busy: str | None = None) -> Claim:
    """A folder that other processes are kept out of until the claim is released, or this process ends, however it does.

    Args:
        folder: the folder.
        lock: the lock's file in it; its own folder is made, if need be.
        unfinished: the names in the folder, patterns such as `front/*` among them, that nobody but the holder writes:
            what a process that was killed left unfinished of them is removed.
        busy: what is said where another process holds it.

    Raises:
        WritingError: if another process is at work there, or nothing can be written there.
        OSError: if the lock cannot be made.
    """
    check_folder(folder)
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    claim, held = Claim(folder, lock), FileLock(lock)
    try:
        held.acquire(timeout=0)
        claim.hold(held)
    except BaseException as error:
        claim.release()
        if not isinstance(error, Timeout):
            raise
        raise WritingError(
            busy or f"another process is at work in {folder}: let it end, or use another --output-dir"
        ) from error
    for name in unfinished:
        for partial in folder.glob(str(_partial(Path(name)))):
            _remove(partial)
    return claim


def check_folder(folder: Path) -> None:
    """See that a folder can be made, or written to where it is there, before anything is worked out for it.

    Raises:
        WritingError: if a file is in the way, or the system lets nothing be written.
    """
    place = folder
    while not (place.exists() or place.is_symlink()):
        place = place.parent
    if not place.is_dir():
        what = "is a file" if place.exists() else "is a link to nothing"
        told = f"{folder} {what}" if place == folder else f"{folder} cannot be made: {place} {what}"
        raise WritingError(f"{told}; give another --output-dir")
    if not os.access(place, os.W_OK | os.X_OK):
        told = f"{place} may not be written to" + (f", and {folder} not made" if place != folder else "")
        raise WritingError(f"{told}: change its permissions, or give another --output-dir")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write a file or a folder at, which takes its name once all of it is on the disk.

    Args:
        path: the name; what was there is replaced, and kept where the writing fails. A folder is taken away just before
            the new one, which is whole by then, takes its name.

    Raises:
        WritingError: if the system refuses a write, or a folder stands where a file is to be written; nothing is left
            behind.
        ReplacedError: if the folder was claimed, and is no longer this process's own; what is there is left alone.
    """
    partial = _partial(path)
    with refusals_explained(path):  # which checks the claims, too
        _remove(partial)
    try:
        with refusals_explained(path):
            yield partial
            for file in partial.rglob("*") if partial.is_dir() else [partial]:
                if file.is_file():
                    with file.open("rb") as written:
                        os.fsync(written.fileno())
            if path.is_dir() and not partial.is_dir():
                raise WritingError(f"{path} is a folder, and what it holds would be lost: give a file's name")
            check_claims(path)
            if partial.is_dir():
                _remove(path)
            partial.replace(path)
    except BaseException:  # Ctrl-C and SIGTERM among them
        with suppress(ReplacedError):
            check_claims(path)
            _remove(partial)
        raise


def write_json(path: Path, facts: Any) -> None:
    """Write facts as JSON; an infinite number, as the error of a single row is, becomes null.

    Raises:
        WritingError: if the system refuses; what was there stays.
    """
    with written_whole(path) as partial:
        partial.write_text(json.dumps(without_infinities(facts), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def without_infinities(facts: Any) -> Any:
    """Facts for JSON, which has no infinite number and none that is not one: such a number becomes null."""
    if isinstance(facts, dict):
        return {name: without_infinities(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [without_infinities(value) for value in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Whatever the system refuses meanwhile is an error that names the path, and says what to do.

    Raises:
        WritingError: if it does.
        ReplacedError: if the path is in a claimed folder that is no longer this process's own.
    """
    check_claims(path)
    try:
        yield
    except AutoBertZeroError:  # says itself what is wrong, such as with a file that was read
        raise
    except Exception as error:
        if cause := _of_the_system(error):
            check_claims(path)  # where the folder is gone, that is why
            said = cause.strerror or " ".join(str(cause).split())  # what is raised in Python alone has no strerror
            raise WritingError(f"{path} could not be written ({said}): {how_to_mend(cause)}") from error
        raise


def no_room(error: BaseException) -> OSError | None:
    """What the system said, where a full disk is why something failed."""
    cause = _of_the_system(error)
    return cause if cause is not None and cause.errno in _FULL else None


def how_to_mend(error: OSError) -> str:
    """What to do about a write that the system refused."""
    return f"{'make room on that disk' if error.errno in _FULL else 'put that right'} and run the same command again"


def _of_the_system(error: BaseException | None) -> OSError | None:
    """What the system said, where that is why something failed."""
    cut_short = False
    while error is not None:
        if isinstance(error, OSError):
            return error
        # The libraries that are written in Rust raise exceptions of their own.
        if said := re.search(r"\(os error (\d+)\)", str(error)):
            return OSError(int(said[1]), os.strerror(int(said[1])))
        cut_short = cut_short or (isinstance(error, RuntimeError) and _CUT_SHORT.search(str(error)) is not None)
        error = error.__cause__ or error.__context__
    # torch.save to a path says that less was written than it gave, not why: what does so is a full disk.
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if cut_short else None


def _partial(path: Path) -> Path:
    """Where what is not whole yet is."""
    return path.with_name(f".{path.name}.partial")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():  # what a link leads to is not ours
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
