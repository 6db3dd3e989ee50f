"""Searches whose processes are killed and whose disk is full: the cause in a line, and the same command goes on."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autobert_zero_hf.commands.exit_status import Status
from tests.running import Running
from tests.search.small_search import (
    candidates_in,
    command,
    in_order,
    journal,
    search,
    without_times,
    words,
)
from tests.small_disk import fill, mounted
from tests.terminal import together

GOES_ON = ": the same command goes on where it stopped"
# A process with a limit of the size of each file that it writes, in bytes.
LIMITED = """
import resource, sys
from autobert_zero_hf.commands.main import main

resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (int(sys.argv[1]),))
sys.exit(main(sys.argv[2:]))
"""


def test_a_killed_process_ends_the_launch_with_the_cause(
    finished: tuple[Path, str], text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    # Launched as a user does.
    given = command(text, folder, processes=2)
    run = Running(["-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])", *given])
    run.wait_until(lambda: candidates_in(folder) >= 3)
    run.worker(0).send_signal(signal.SIGKILL)
    said = run.fails()
    cause = "process 1 of 2 was killed (SIGKILL: by hand, or by a system that ran out of memory)"
    assert said[-1] == f"error: {cause}{GOES_ON}"
    assert not any("Traceback" in line or "torch" in line for line in said)
    assert candidates_in(folder) < 13
    search(text, folder, processes=2)
    assert journal(folder)[-1]["processes"] == 2
    assert in_order(folder) == in_order(finished[0])


def launched(folder: Path, words: list[str]) -> list[Running]:
    """Two processes as a launcher starts them, which know by a folder of its own who speaks first."""
    files = [folder / rank / "error.json" for rank in "01"]
    for file in files:
        file.parent.mkdir(parents=True)
    environments = zip(together(2), files, strict=True)
    return [Running(words, **each, TORCHELASTIC_ERROR_FILE=str(file)) for each, file in environments]


def test_an_error_in_all_processes_is_said_once(text: Path, tmp_path: Path) -> None:
    running = launched(tmp_path / "launch", words(text, tmp_path / "run", max_parameters=1))
    (error,) = (line for each in running for line in each.fails() if "rror" in line)
    assert error.startswith("error: max_parameters=1 is less than any backbone of these sizes has")


def test_an_error_in_one_process_is_said_once_and_the_other_leaves_it_to_the_launcher(
    text: Path, tmp_path: Path
) -> None:
    # More than any file before the super-net's checkpoint takes, and less than that does.
    given = ["-c", LIMITED, "180000", *words(text, tmp_path / "run")]
    first, other = launched(tmp_path / "launch", given)
    said = first.fails()
    errors = [line for line in said if "rror" in line]
    assert errors == said[-1:] == [
        f"error: {tmp_path / 'run' / 'supernet.pt'} could not be written (File too large): make room on that disk and "
        "run the same command again"
    ]  # fmt: skip
    other.process.join(2.0)  # it has lost the connection by then
    assert other.process.is_alive()
    other.process.terminate()
    assert other.end() == (Status.TERMINATED, "", "")
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
        run = Running(words(text, folder))
        run.wait_until(happened)
        fill(small_disk, leave)
        said = run.fails()
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
