"""A run that makes an encoder faster is killed, finds no room, loses a process, has company: and goes on."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.runtime.block_records import Healed, LayerParts
from autobert_zero_hf.search.runtime.journal import Journal, read_history
from transformers import (
    AutoModel,
)

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError
from tests.running import Running
from tests.search.small_search import LAUNCH
from tests.small_disk import fill, mounted
from tests.terminal import run_together

from .runs import OPTIONS, parts_in, run, told


def killed_after(kind: str, number: int) -> Callable[..., None]:
    """Runs until so many events of a kind are written, and is then killed."""

    def child(bert: Path, text: Path, folder: Path) -> None:
        seen = 0
        append = Journal.append

        def appended(self: Journal, event: Any) -> None:
            nonlocal seen
            append(self, event)
            seen += event.name_in_journal == kind
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

        Journal.append = appended  # type: ignore[method-assign]
        run(bert, text, folder, 1.5, 2)

    return child


@pytest.mark.usefixtures("same_latencies")
def test_a_finished_run_does_nothing_and_a_further_budget_uses_its_library(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    finished = Path(shutil.copytree(finished, tmp_path / "faster"))
    before = (finished / "journal.jsonl").read_bytes()
    models = {path: path.stat().st_mtime_ns for path in finished.rglob("*.safetensors")}
    run(bert, text, finished, 1.5, 2)
    events = [json.loads(line) for line in (finished / "journal.jsonl").read_bytes()[len(before) :].splitlines()]
    assert not events
    run(bert, text, finished, 2.5)
    events = [json.loads(line) for line in (finished / "journal.jsonl").read_bytes()[len(before) :].splitlines()]
    assert {event["event"] for event in events} == {"budgets", "assembled", "healed", "measured"}
    assert all(path.stat().st_mtime_ns == time for path, time in models.items())
    table = json.loads((finished / "shrink.json").read_text())
    assert [row["budget"] for row in table["budgets"]] == ["1.5x", "2x", "2.5x"]
    assert AutoModel.from_pretrained(finished / "2.5x" / "best").config.num_hidden_layers >= 1


@pytest.mark.usefixtures("same_latencies")
@pytest.mark.parametrize("kind, number", [("parts", 2), ("price", 5), ("assembled", 1), ("healed", 3)])
def test_a_run_that_was_killed_comes_to_the_same_end(
    kind: str, number: int, finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "faster"
    process = get_context("fork").Process(target=killed_after(kind, number), args=(bert, text, folder))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    run(bert, text, folder, 1.5, 2)
    ours, theirs = ([event for event in told(each) if event["event"] != "budgets"] for each in (folder, finished))
    assert ours == theirs


@pytest.mark.usefixtures("same_latencies")
@pytest.mark.parametrize(
    "kind, number, lost", [("price", 3, "layer-001.safetensors"), ("parts", 3, "journal.jsonl"), ("healed", 2, "best")]
)
def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_room(
    kind: str, number: int, lost: str, finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as disk, pytest.MonkeyPatch.context() as patch:
        seen, append, folder = 0, Journal.append, disk / "faster"

        def appended(self: Journal, event: Any) -> None:
            nonlocal seen
            append(self, event)
            seen += event.name_in_journal == kind
            if seen == number:
                fill(disk, leave=4096 if lost != "journal.jsonl" else 0)

        patch.setattr(Journal, "append", appended)
        with pytest.raises(AutoBertZeroError) as caught:
            run(bert, text, folder, 1.5, 2)
        said = str(caught.value)
        assert lost in said and "No space left on device" in said and "make room on that disk" in said
        assert not list(folder.rglob(".*partial"))
        (disk / "ballast").unlink()
        patch.undo()
        run(bert, text, folder, 1.5, 2)
        ours, theirs = ([event for event in told(each) if event["event"] != "budgets"] for each in (folder, finished))
        assert ours == theirs


def test_a_killed_process_ends_the_launch_with_the_cause_and_the_rest_is_done_later(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    """Latencies are really measured here, so that what is chosen by them may differ."""
    folder = tmp_path / "lost"
    given = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["shrink", str(bert), "--text", str(text), "--speedup", "1.2", "--output-dir", str(folder), *given]
    launch = [sys.executable, *LAUNCH, "--num_processes", "2", "--main_process_port", "0", "-m", "autobert_zero_hf"]
    running = Running(["-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])", *launch, *words])
    running.wait_until(lambda: bool(parts_in(folder)))
    running.worker(1).send_signal(signal.SIGKILL)
    said = running.fails()
    assert said[-1] == (
        "error: process 2 of 2 was killed (SIGKILL: by hand, or by a system that ran out of memory): the same command "
        "goes on where it stopped"
    )
    assert not any("Traceback" in line for line in said)
    assert main(words) == 0
    assert parts_in(folder) == parts_in(finished)


def test_a_model_or_a_library_that_was_changed_is_refused(
    bert: Path, text: Path, tmp_path: Path, same_latencies: None
) -> None:
    folder = tmp_path / "faster"
    run(bert, text, folder, 2)
    history = read_history(folder / "journal.jsonl")
    assert len(history.of(LayerParts)) == 3 and len(history.of(Healed)) == 2
    for file in (folder / "library" / "layer-002.safetensors", folder / "2x" / "best" / "config.json"):
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        with pytest.raises(AutoBertZeroError, match="is not what this run"):
            run(bert, text, folder, 2)
        file.write_bytes(whole)
    run(bert, text, folder, 2)


def test_what_others_left_unfinished_in_the_folders_beside_it_stays(bert: Path, text: Path, tmp_path: Path) -> None:
    """A run cleans up after itself alone: another may be at work in a folder of the same one."""
    others = [tmp_path / "first" / ".best.partial", tmp_path / ".tokenizer.partial"]
    own = tmp_path / "2x" / ".best.partial"
    for place in (*others, own):
        place.mkdir(parents=True)
    with pytest.raises(AutoBertZeroError, match="no assembly"):
        run(bert, text, tmp_path, 500)
    assert all(place.is_dir() for place in others) and not own.exists()


def test_two_processes_share_the_layers_and_find_the_same_parts(
    finished: Path, bert: Path, text: Path, tmp_path: Path
) -> None:
    """Latencies are really measured here, so that what is chosen by them may differ."""
    given = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    folder = tmp_path / "two"
    ended, said = run_together(
        2, ["shrink", str(bert), "--text", str(text), "--speedup", "1.2", "--output-dir", str(folder), *given]
    )
    assert ended == 0, said
    assert "| 1.2x | layer by layer |" in said
    assert parts_in(folder) == parts_in(finished)
