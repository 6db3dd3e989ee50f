import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from autobert_zero_hf.search.runtime.journal import Journal, JournalError

RECIPE = {"seed": 0, "candidates": 5}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def written(path: Path) -> Journal:
    journal = Journal.open(path, RECIPE)
    journal.append("candidate", number=1, layers=["conv(3)"], score=0.5)
    journal.append("candidate", number=2, layers=["conv(5)"], score=None)
    journal.close()
    return journal


def test_events_come_back(path: Path) -> None:
    journal = written(path)
    again = Journal.open(path, RECIPE)
    assert again.events == journal.events
    assert [record["number"] for record in again.of("candidate")] == [1, 2]
    assert json.loads(path.read_text().splitlines()[0])["recipe"] == RECIPE


def test_time_goes_on_counting(path: Path) -> None:
    written(path)
    lines = path.read_text().splitlines()
    record = json.loads(lines[-1])
    record["elapsed"] = 1000.0
    path.write_text("\n".join([*lines[:-1], json.dumps(record)]) + "\n")
    assert 1000 <= Journal.open(path, RECIPE).elapsed() < 1060


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_last_line_is_dropped_with_a_warning(path: Path, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with caplog.at_level(logging.WARNING):
        journal = Journal.open(path, RECIPE)
    assert "cut off" in caplog.text
    assert [record["number"] for record in journal.of("candidate")] == [1]
    journal.append("candidate", number=2, layers=["conv(5)"], score=None)
    journal.close()
    assert [record["number"] for record in Journal.open(path, RECIPE).of("candidate")] == [1, 2]


@pytest.mark.parametrize("damage", [b'{"event": "cand\n', b"[1]\n", b"\n", b'{"number": 7}\n', b"\xff\xfe\n"])
def test_damage_before_the_last_line_is_refused(path: Path, damage: bytes) -> None:
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], damage, lines[2]]))
    before = path.read_bytes()
    with pytest.raises(JournalError, match="line 2, is damaged"):
        Journal.open(path, RECIPE)
    assert path.read_bytes() == before


def test_another_recipe_is_refused_and_named(path: Path) -> None:
    written(path)
    with pytest.raises(JournalError, match="candidates: 5 there, 6 here"):
        Journal.open(path, {**RECIPE, "candidates": 6})


def test_another_version_is_refused(path: Path) -> None:
    written(path)
    path.write_text(path.read_text().replace('"version": 2', '"version": 99'))
    with pytest.raises(JournalError, match="not a journal of version 2, but 99"):
        Journal.open(path, RECIPE)


def test_a_second_process_is_refused(path: Path) -> None:
    journal = Journal.open(path, RECIPE)
    script = f"from autobert_zero_hf.search.runtime.journal import *; Journal.open(Path({str(path)!r}), {RECIPE})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "JournalError: another process is at work in" in done.stderr
    journal.close()
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_follower_writes_nothing(path: Path) -> None:
    events = written(path).events
    before = path.read_bytes()
    Journal(None, RECIPE, list(events)).append("candidate", number=3)
    assert path.read_bytes() == before


def test_nothing_is_written_before_the_first_event(path: Path) -> None:
    Journal.open(path, RECIPE)
    assert not path.exists()
    Journal.open(path, {**RECIPE, "seed": 9}).append("data", rows=1)
    assert [event["event"] for event in Journal.open(path, {**RECIPE, "seed": 9}).events] == ["start", "data"]
