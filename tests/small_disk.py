"""A small disk that becomes full."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(mount: Path, options: str = "rw") -> Iterator[Path]:
    """A disk of 4 MiB, seen through the process that mounted it for itself alone; "ro" makes it a read-only one."""
    mount.mkdir()
    script = f"mount -t tmpfs -o size=4m,{options} none {mount} && echo mounted && exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", script], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"no file system may be mounted here: {holder.communicate()[1].strip()}")
        yield Path(f"/proc/{holder.pid}/root{mount}")
    finally:
        holder.kill()
        holder.communicate()


def fill(disk: Path, leave: int) -> None:
    """Write a file that leaves so many bytes."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            ballast.truncate(max(0, ballast.tell() - leave))
