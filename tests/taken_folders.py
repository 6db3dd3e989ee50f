"""A folder that another run takes from the process that works in it."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autobert_zero_hf.claims import ReplacedError


@contextmanager
def taken_from_within(folder: Path, lock: Path) -> Iterator[None]:
    """Removes a folder as soon as it is claimed, and makes it anew with a lock: what works there must stop.

    Args:
        folder: is not there yet.
        lock: the file in it.
    """

    def take() -> None:
        while not lock.exists():
            time.sleep(0.001)
        time.sleep(0.3)  # it is made just before it is locked
        while folder.exists():  # a file may appear in it meanwhile
            shutil.rmtree(folder, ignore_errors=True)
        lock.parent.mkdir(parents=True)
        lock.touch()

    thread = threading.Thread(target=take)
    thread.start()
    with pytest.raises(ReplacedError, match=r"belongs to another run|was removed (or renamed )?while this"):
        yield
    thread.join()
    assert [path for path in sorted(folder.rglob("*")) if path.is_file()] == [lock]
