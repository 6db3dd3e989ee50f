"""Recipes of the package that have changed: searches that were begun by them before go on by the same command."""

import json
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.publish.facts import read_search
from autobert_zero_hf.search.publish.report import command_of

from autobert_zero_hf.commands.main import main
from tests.search.small_search import candidates_in, journal, without_times, words
from tests.terminal import kill_when

FEW = {"supernet_steps": 2, "candidates": 6, "population": 2, "final_steps": 1, "mixed_precision": "no"}


def in_order(events: list[dict[str, Any]]) -> list[str]:
    """The same, whichever process wrote first."""
    return sorted(json.dumps(event, sort_keys=True) for event in events)


@pytest.fixture
def before(tmp_path: Path) -> list[str]:
    """The options that have quickstart as it was, before blocks could be chosen."""
    (tmp_path / "before.yaml").write_text("block: bert\n")
    return ["--recipe", str(tmp_path / "before.yaml")]


def test_a_search_goes_on_by_the_command_that_began_it(
    text: Path, tmp_path: Path, before: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    kill_when(lambda: candidates_in(broken) >= 2, [*words(text, broken, **FEW), *before])
    begun = journal(broken)[0]["recipe"]
    assert (begun["block"], begun["positions"], begun["baseline_rates"]) == ("bert", None, [1.0])
    assert main(words(text, broken, **FEW)) == 0
    assert main([*words(text, whole, **FEW), *before]) == 0
    assert in_order(without_times(broken)) == in_order(without_times(whole))
    # What is given stands.
    capsys.readouterr()
    assert main([*words(text, broken, **FEW), "--block", "pre_norm"]) == 1
    assert "block: 'bert' there, 'pre_norm' here" in capsys.readouterr().err


def test_the_report_says_the_command_that_does_it_again(text: Path, tmp_path: Path, before: list[str]) -> None:
    few = {**FEW, "candidates": 2}
    for name, more, said in (
        ("before", before, "--block bert"),
        ("now", [], ""),
        ("learned", ["--block", "pre_norm"], "--block pre_norm"),
    ):
        folder = tmp_path / name
        assert main([*words(text, folder, **few), *more]) == 0
        again = command_of(read_search(folder)).split()
        assert again[:4] == ["autobert-zero", "search", "--output-dir", "runs/again"]
        assert said in " ".join(again) and again.count("--block") == bool(said)
        folder = tmp_path / f"{name}-again"
        assert main(["search", "--output-dir", str(folder), *again[4:]]) == 0
        (one, *events), (other, *others) = (without_times(each) for each in (folder, tmp_path / name))
        assert one["recipe"] == other["recipe"] and in_order(events) == in_order(others)
