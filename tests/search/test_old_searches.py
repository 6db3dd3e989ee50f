"""Searches that are taken up: of an older version, of a journal that was changed, with other threads, in a process."""

import contextlib
import json
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.search_run import search
from autobert_zero_hf.search.run.summary import search_result
from autobert_zero_hf.search.runtime.journal import JournalError

from autobert_zero_hf.claims import ReplacedError
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError

from .journal_lines import Events, read_journal
from .old_journals import OLD, with_checksums, without_checksums
from .small_search import candidates_in


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a search, in a process that has done nothing yet, beside the text."""
    AcceleratorState._reset_state(reset_partial_state=True)
    threads = torch.get_num_threads()
    shutil.copy(OLD / "text.txt", tmp_path)
    with contextlib.chdir(tmp_path):
        (tmp_path / "run").mkdir()
        yield tmp_path / "run"
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


def old(name: str, length: int | None = None) -> Events:
    """The events of a journal of version 0.1.0, or the first ones."""
    return read_journal(OLD / name / "journal.jsonl")[:length]


def resume(
    folder: Path, events: Events, write: Callable[[Events], bytes] = without_checksums, **options: Any
) -> Events:
    """Go on from a journal, as if it had been begun with these options; the events in the end."""
    recipe = {**events[0]["recipe"], **options}
    (folder / "journal.jsonl").write_bytes(write([{**events[0], "recipe": recipe}, *events[1:]]))
    search(Recipe.from_dict(recipe), folder)
    return read_journal(folder / "journal.jsonl")


def test_the_search_of_an_older_version_goes_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = old("plain", 3 + 5)
    events[0]["environment"]["threads"] = 1 + torch.get_num_threads()
    after = resume(folder, events)
    assert after[: len(events)] == events
    assert [event["number"] for event in after if event["event"] == "candidate"][:5] == [4, 3, 2, 1, 8]
    assert after[-1]["event"] == "finished" and after[0]["version"] == 2
    assert (folder / "journal.jsonl").read_bytes().count(b'"crc"') == len(after) - len(events)
    (warning,) = [r.getMessage() for r in caplog.records if "was begun with" in r.getMessage()]
    assert f"{events[0]['environment']['threads']} threads (here {torch.get_num_threads()})" in warning
    for command in (["report", str(folder)], ["push", str(folder), "someone/x", "--dry-run"]):
        assert main(command) == 0
    assert search_result(folder)["candidates"] == 8


def test_the_report_of_an_older_version_is_made(tmp_path: Path) -> None:
    shutil.copytree(OLD / "sized", tmp_path / "sized")
    assert main(["report", str(tmp_path / "sized")]) == 0


def changed(number: int, **fields: Any) -> Callable[[Events], None]:
    def change(events: Events) -> None:
        next(event for event in events if event.get("number") == number).update(fields)

    return change


WRONG: dict[str, tuple[Callable[[Events], Any], str]] = {
    "layers": (changed(3, layers=["conv(3)", "conv(3)"]), "candidate 3: layers .*, and this run comes to"),
    "parent": (changed(8, parent=None), "candidate 8: parent None, and this run comes to 'b3308e6dadd6eb42'"),
    "origin": (changed(8, origin="random"), "candidate 8: origin 'random'"),
    "generation": (changed(8, generation=0), "candidate 8: generation 0"),
    "identity": (changed(8, identity="0123456789abcdef"), "1 candidates that the strategy does not come to any more"),
    "rows": (lambda events: events[1].update(rows=294), "the text: rows 294, and this run comes to 295"),
    "parameters": (lambda events: events[2].update(parameters=7), "the super-net: parameters 7, and this run"),
}


def test_what_was_changed_in_an_older_journal_is_not_believed(folder: Path) -> None:
    for name, (change, said) in WRONG.items():
        events = old("plain", 3 + 5)
        change(events)
        with pytest.raises(JournalError, match=said):
            resume(folder, events)
        left = read_journal(folder / "journal.jsonl")
        assert [event for event in left if event["event"] != "constant_answer"] == events, name


def test_a_super_net_that_is_not_the_one_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = resume(folder, old("plain", 1), with_checksums)
    supernet, best = folder / "supernet.pt", (folder / "best" / "model.safetensors").read_bytes()
    shutil.rmtree(folder / "best")
    data = supernet.read_bytes()
    supernet.write_bytes(data[:20_000] + bytes([data[20_000] ^ 1]) + data[20_001:])
    with pytest.raises(JournalError, match=r"supernet\.pt is not the super-net that this search was begun with, or"):
        resume(folder, whole, with_checksums)
    supernet.unlink()
    resume(folder, whole, with_checksums)
    assert (supernet.read_bytes(), (folder / "best" / "model.safetensors").read_bytes()) == (data, best)
    # Where the search stopped before the super-net was trained, the file's own checksums tell.
    supernet.write_bytes(data[:20_000] + bytes([data[20_000] ^ 1]) + data[20_001:])
    with caplog.at_level(logging.WARNING):
        again = resume(folder, whole[:2], with_checksums)
    assert "supernet.pt cannot be read" in caplog.text
    assert again[2]["digest"] == whole[2]["digest"]


def test_weights_that_were_damaged_are_not_inherited(folder: Path) -> None:
    whole = resume(folder, old("plain", 1), with_checksums, inherit_from="parent")
    place = 3 + next(n for n, event in enumerate(whole[3:]) if event.get("parent"))
    path = folder / "candidates" / f"{whole[place]['parent']}.safetensors"
    data = path.read_bytes()
    another = next(file.read_bytes() for file in path.parent.iterdir() if file != path)
    for damage in (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], data[:-40], b"nothing", another):
        path.write_bytes(damage)
        with pytest.raises(AutoBertZeroError, match=f"{path}, with the weights that others inherit, was damaged"):
            resume(folder, whole[:place], with_checksums, inherit_from="parent")
    path.write_bytes(data)
    again = resume(folder, whole[:place], with_checksums, inherit_from="parent")
    scores = [{event["identity"]: event["score"] for event in events if "score" in event and "identity" in event}
              for events in (whole, again)]  # fmt: skip
    assert scores[0] == scores[1]


# Takes a folder away from whoever works in it; another run begins there, as the lock of its own says.
OTHER = """
import fcntl, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[1])
while folder.exists():  # a file may appear in it meanwhile
    shutil.rmtree(folder, ignore_errors=True)
if len(sys.argv) > 2:
    folder.mkdir()
    lock = (folder / ".journal.jsonl.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    shutil.copy(sys.argv[2], folder / "journal.jsonl")
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["replaced", "removed", "without its journal"])
def test_a_search_whose_folder_is_taken_away_stops_and_writes_nothing(folder: Path, how: str) -> None:
    recipe, theirs = old("plain", 1)[0]["recipe"], OLD / "sized" / "journal.jsonl"
    begins = [str(theirs)] if how == "replaced" else []
    others: list[subprocess.Popen[str]] = []

    def take_away() -> None:
        while candidates_in(folder) < 2:
            time.sleep(0.001)
        if how == "without its journal":
            (folder / "journal.jsonl").unlink()
        else:
            words = [sys.executable, "-c", OTHER, str(folder), *begins]
            others.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    # More candidates than there is time for.
    thread = threading.Thread(target=take_away)
    thread.start()
    with pytest.raises(ReplacedError) as refused:
        search(Recipe.from_dict({**recipe, "candidates": 500, "patience": 500}), folder)
    thread.join()
    said = {
        # Between the two moments the folder is gone.
        "replaced": "what is there now belongs to another run|was removed or renamed while this process worked in it",
        "removed": "was removed or renamed while this process worked in it",
        "without its journal": "was removed while this process wrote to it, and its .* lines went with it",
    }[how]
    assert refused.match(said)
    for other in others:
        assert other.stdout is not None and other.stdout.readline() == "\n"
        left = sorted(path.name for path in folder.glob("*"))
        assert left == ([".journal.jsonl.lock", "journal.jsonl"] if begins else [])
        assert not begins or (folder / "journal.jsonl").read_bytes() == theirs.read_bytes()
        other.communicate("")
    assert others or not {"journal.jsonl", "best"} & {path.name for path in folder.iterdir()}


def test_an_unfinished_file_of_a_killed_search_goes(folder: Path) -> None:
    (folder / ".energy.json.partial").write_text("{")
    resume(folder, old("plain", 1))
    assert [path.name for path in folder.glob(".*")] == [".journal.jsonl.lock"]


def test_the_fixtures_say_what_they_are() -> None:
    for name in ("plain", "sized"):
        assert json.loads((OLD / name / "journal.jsonl").read_text().splitlines()[0])["version"] == 2
