"""A finished search that is given more: it goes on to what it would have come to at once."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from autobert_zero_hf.commands.main import main
from tests.search.small_search import candidates_in, journal, rewrite, search, without_times, words
from tests.search.test_joint import JOINT
from tests.terminal import kill_when, run

FEWER = {"candidates": 7}


def what_came(folder: Path) -> list[dict[str, Any]]:
    """Candidates and what they came to, and the end, without what a smaller budget came to before."""
    events = without_times(folder)
    last = max((place for place, event in enumerate(events) if event["event"] == "extended"), default=-1)
    counted = [
        event
        for place, event in enumerate(events)
        if event["event"] == "candidate" or (place > last and event["event"] in ("trained", "baseline", "finished"))
    ]
    return sorted(counted, key=lambda event: (event["event"], event.get("number", 0), event.get("name", "")))


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / name / "model.safetensors")


@pytest.fixture(scope="module")
def fewer(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of seven candidates."""
    folder = tmp_path_factory.mktemp("extended") / "run"
    search(text, folder, **FEWER)
    return folder


def test_more_candidates_go_on_to_what_an_unbroken_search_came_to(
    fewer: Path, finished: tuple[Path, str], text: Path
) -> None:
    whole, before = finished[0], journal(fewer)
    assert before[-1]["event"] == "finished" and candidates_in(fewer) == 7
    kill_when(lambda: candidates_in(fewer) >= 10, words(text, fewer))
    printed = search(text, fewer)
    assert "13 candidates were evaluated" in printed
    after = journal(fewer)
    assert after[: len(before)] == before, "nothing is lost"
    (extended,) = [event for event in after if event["event"] == "extended"]
    assert extended["candidates"] == 13
    assert what_came(fewer) == what_came(whole)
    for name in ("best", "bert"):
        one, two = weights(fewer, name), weights(whole, name)
        assert all(torch.equal(one[key], two[key]) for key in two)
    assert yaml.safe_load((fewer / "recipe.yaml").read_text())["candidates"] == 13
    assert main(["report", str(fewer)]) == 0
    assert "13 candidates were evaluated" in (fewer / "report.html").read_text()
    # By its own recipe it is finished; with less than it has had it is another search.
    ended, said = run(["search", "--output-dir", str(fewer), "--recipe", str(fewer / "recipe.yaml")])
    assert ended == 0 and "is finished: 13 candidates" in said
    said = search(text, fewer, status=1, **FEWER)
    assert "candidates: 13 there, 7 here" in said
    assert "candidates, hours, patience may grow" in said
    assert journal(fewer) == after


def test_a_front_of_fewer_candidates_is_taken_away(text: Path, tmp_path: Path) -> None:
    folder, whole = tmp_path / "run", tmp_path / "whole"
    search(text, folder, **{**JOINT, "front": 10, "candidates": 8})
    (folder / "front" / "77").mkdir()
    search(text, folder, processes=2, **{**JOINT, "front": 10})
    search(text, whole, **{**JOINT, "front": 10})
    assert what_came(folder) == what_came(whole)
    kept = [sorted(place.name for place in (each / "front").iterdir()) for each in (folder, whole)]
    assert kept[0] == kept[1]
    assert (folder / "front.json").read_text() == (whole / "front.json").read_text()


def test_a_budget_that_shrinks_in_a_journal_is_damage(
    fewer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(fewer)
    shrunk = {"event": "extended", "candidates": 3, "hours": 24.0, "patience": 20, "elapsed": events[-1]["elapsed"]}
    rewrite(tmp_path, [*events, shrunk])
    assert main(["report", str(tmp_path)]) == 1
    assert "`candidates` is 3, less than" in capsys.readouterr().err
