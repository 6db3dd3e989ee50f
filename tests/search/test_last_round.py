"""The winner as the best of several candidates after their last training."""

from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.runtime.journal import read_history

from autobert_zero_hf.commands.main import main
from tests.search.small_search import in_order, journal, rewrite, search, words
from tests.terminal import kill_when

OPTIONS: dict[str, Any] = {
    "final_candidates": 4,
    "final_steps": 60,
    "supernet_steps": 40,
    "final_learning_rate": 0.003,
    "baseline_rates": 1,
    "mixed_precision": "no",
}


def rounds(folder: Path) -> list[dict[str, Any]]:
    return [event for event in journal(folder) if event["event"] == "last_round"]


@pytest.fixture(scope="module")
def whole(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a search with a last round that nothing disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("rounds") / "whole"
    return folder, search(text, folder, **OPTIONS)


def test_the_winner_is_the_best_after_its_last_training(whole: tuple[Path, str], tmp_path: Path) -> None:
    folder, printed = whole
    history = read_history(folder / "journal.jsonl")
    ranked = sorted(history.scored, key=lambda each: (-each.score, each.number))[:4]
    found = {event["identity"]: event["score"] for event in rounds(folder)}
    assert set(found) == {each.identity for each in ranked}
    best = max(ranked, key=lambda each: (found[each.identity], -ranked.index(each)))
    assert history.winner is not None and history.winner.layers == best.layers
    assert "It is the best of 4 candidates after as long a training as its own." in printed
    assert "Last round: 240/240" in printed
    # It was seen on the rows that chose the candidates, and is scored on others.
    assert history.winner.accuracy != max(found.values())
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0
    passed_over = sum(each.score > best.score for each in ranked)
    said = f"{passed_over} scored higher; after a last training of 4 of the best this one was the best."
    assert (said in (tmp_path / "report.html").read_text()) == bool(passed_over)


def test_a_last_round_that_was_killed_goes_on_to_the_same(whole: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    journals = folder / "journal.jsonl"
    kill_when(lambda: journals.exists() and b'"last_round"' in journals.read_bytes(), words(text, folder, **OPTIONS))
    assert 1 <= len(rounds(folder)) < 4
    search(text, folder, processes=2, **OPTIONS)
    assert in_order(folder) == in_order(whole[0])


def test_the_last_round_of_what_is_no_candidate_is_damage(
    whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(whole[0])
    next(event for event in events if event["event"] == "last_round")["identity"] = "f" * 16
    rewrite(tmp_path, events)
    assert main(["report", str(tmp_path)]) == 1
    assert "`identity` is that of no candidate" in capsys.readouterr().err


def test_a_front_has_no_last_round() -> None:
    for given in ({"front": 2, "search_sizes": "heads"}, {"latency_ms": 2.0}):
        with pytest.raises(RecipeError, match="final_candidates: the winner is the best of several, and here one of"):
            Recipe.from_dict({**given, "final_candidates": 2})
