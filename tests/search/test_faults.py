"""Searches whose processes are killed and whose disk is full: the cause in a line, and the same command goes on."""

import resource
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.search.small_search import candidates_in, command, environment, in_order, journal, search, without_times
from tests.small_disk import fill, mounted

GOES_ON = ": the same command goes on where it stopped"


class Running:
    """A search that is under way.

    Args:
        words: its command line.
        limit: of the size of each file that it writes, in bytes.
    """

    def __init__(self, words: list[str], limit: int = resource.RLIM_INFINITY):
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            words,
            env={**environment(), "SEARCH_UNDER_TEST": self.mark},
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    def wait_until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.005)

    def alive(self) -> list[psutil.Process]:
        """Its processes, whoever their parent is by now."""
        every = psutil.process_iter(["environ"])
        return [each for each in every if (each.info["environ"] or {}).get("SEARCH_UNDER_TEST") == self.mark]

    def worker(self, rank: int) -> psutil.Process:
        return next(each for each in self.alive() if each.info["environ"].get("RANK") == str(rank))

    def end(self) -> tuple[int, list[str]]:
        """Its exit status, and the lines on stderr; none of its processes is left."""
        lines = self.process.communicate()[1].splitlines()
        assert not self.alive()
        return self.process.returncode, lines


def test_a_killed_process_ends_the_launch_with_the_cause(
    finished: tuple[Path, str], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    # The main process, then the other one.
    for rank, candidates in ((0, 3), (1, 8)):
        run = Running(command(text, folder, processes=2))
        run.wait_until(lambda enough=candidates: candidates_in(folder) >= enough)
        run.worker(rank).send_signal(signal.SIGKILL)
        status, said = run.end()
        assert status == 1
        cause = f"process {rank + 1} of 2 was killed (SIGKILL: by hand, or by a system that ran out of memory)"
        assert said[-1] == f"error: {cause}{GOES_ON}"
        assert not any("Traceback" in line or "torch" in line for line in said)
        assert candidates_in(folder) < 13
    status, said = Running(command(text, folder, processes=2)).end()
    assert status == 0, said
    assert journal(folder)[-1]["processes"] == 2
    assert in_order(folder) == in_order(finished[0])


def test_an_error_in_all_processes_is_said_once(text: Path, tmp_path: Path) -> None:
    status, said = Running(command(text, tmp_path / "run", processes=2, max_parameters=1)).end()
    assert status == 1
    (error,) = (line for line in said if "rror" in line)
    assert error.startswith("error: max_parameters=1 is less than any backbone of these sizes has")


def test_an_error_in_one_process_is_said_once_and_ends_all(text: Path, tmp_path: Path) -> None:
    # More than any file before the super-net's checkpoint takes, and less than that does.
    run = Running(command(text, tmp_path / "run", processes=2), limit=500_000)
    status, said = run.end()
    assert status == 1
    errors = [line for line in said if "rror" in line]
    assert errors == said[-1:] == [
        f"error: {tmp_path / 'run' / 'supernet.pt'} could not be written (File too large): make room on that disk and "
        "run the same command again"
    ]  # fmt: skip
    assert not list((tmp_path / "run").glob("*supernet*")) + list((tmp_path / "run").glob(".*partial"))
    assert [event["event"] for event in journal(tmp_path / "run")] == ["start", "data"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as disk:
        yield disk


def test_a_full_disk_is_said_and_the_search_goes_on_once_there_is_room(
    finished: tuple[Path, str], text: Path, small_disk: Path
) -> None:
    folder = small_disk / "run"

    def goes_full(happened: Callable[[], bool], leave: int) -> str:
        run = Running(command(text, folder))
        run.wait_until(happened)
        fill(small_disk, leave)
        status, said = run.end()
        assert status == 1
        assert "Traceback" not in "".join(said)
        assert not list(folder.glob(".*partial"))
        (small_disk / "ballast").unlink()
        return said[-1]

    full = "No space left on device"
    mended = "make room on that disk and run the same command again"
    said = goes_full(lambda: candidates_in(folder) >= 3, leave=0)
    count = len(journal(folder))
    assert 6 <= count < 16
    assert said == (
        f"error: {folder / 'journal.jsonl'} could not be written ({full}), the {count} events before are safe: {mended}"
    )
    said = goes_full(lambda: candidates_in(folder) >= count - 3 + 2, leave=100_000)
    assert said == f"error: {folder / 'best'} could not be written ({full}): {mended}"
    assert journal(folder)[-1]["event"] == "baseline", "what comes last before the final training"
    assert not (folder / "best").exists()
    search(text, folder)
    assert without_times(folder) == without_times(finished[0])
