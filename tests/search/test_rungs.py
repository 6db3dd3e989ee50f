"""Rungs: longer looks at ever fewer of the best candidates, of which the last one's best is the winner."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.publish.rungs import rungs_of
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.journal import read_history
from autobert_zero_hf.search.runtime.records import Evaluated, Looked, Start

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from tests.search.small_search import in_order, journal, rewrite, search, words
from tests.task_folders import write_demo_tasks
from tests.terminal import kill_when

OPTIONS: dict[str, Any] = {
    "rungs": ["6 accuracy 20", "4 accuracy 60", "2 tasks 60 5"],
    "rung_rows": 44,
    "tasks": "topics",
    "final_steps": 8,
    "supernet_steps": 40,
    "final_learning_rate": 0.03,
    "baseline_rates": 1,
    "mixed_precision": "no",
}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_tasks(tmp_path_factory.mktemp("tasks") / "tasks", load_demo().select(range(0, 2000, 20)))


@pytest.fixture(scope="module")
def whole(text: Path, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a search with rungs that nothing disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("rungs") / "whole"
    return folder, search(text, folder, task_data=tasks, **OPTIONS)


def looks(folder: Path, number: int) -> dict[str, float]:
    events = [event for event in journal(folder) if event["event"] == "rung" and event["number"] == number]
    return {event["identity"]: event["score"] for event in events}


def test_the_best_of_each_rung_come_to_the_next_and_the_best_of_the_last_wins(
    whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, printed = whole
    history = read_history(folder / "journal.jsonl")
    before = {each.identity: each.score for each in sorted(history.scored, key=lambda each: each.number)}
    for number, kept in ((1, 6), (2, 4), (3, 2)):
        ranked = sorted(before, key=lambda identity: -before[identity])[:kept]
        found = looks(folder, number)
        assert list(found) == ranked, "in one process they are written in their order"
        before = found
    best = max(before, key=lambda identity: before[identity])
    assert history.winner is not None and history.winner.candidate.identity == best
    assert history.winner.task_score is not None, "what chose the winner is said of the finalists, too"
    assert re.search(
        r"Rung 3: 2 candidates, 60 steps on masked words, then .* tasks, 5 steps of its own: the best", printed
    )
    assert re.search(r"Rung 2: 4 candidates, .* Kendall's tau with the scores before -?\d\.\d\d", printed)
    assert not (folder / "rungs").exists(), "weights that no rung goes on from do not stay"
    # The rows that chose it are not those that it is scored on.
    assert len(history.winner.masked) == history.data.held_out_rows - 44  # type: ignore[union-attr]
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0
    assert "Rung 3: 2 candidates" in (tmp_path / "report.html").read_text()
    capsys.readouterr()


@pytest.mark.parametrize("kept", [True, False])
def test_rungs_that_were_killed_go_on_to_the_same(
    kept: bool, whole: tuple[Path, str], text: Path, tasks: Path, tmp_path: Path
) -> None:
    folder, options = tmp_path / "broken", {**OPTIONS, "task_data": tasks}
    journals = folder / "journal.jsonl"
    kill_when(
        lambda: journals.exists() and b'"number": 2, "identity"' in journals.read_bytes(),
        words(text, folder, **options),
    )
    assert looks(folder, 2) and not looks(folder, 3) and list((folder / "rungs").iterdir())
    if not kept:  # another machine, say: what is not there is trained again
        shutil.rmtree(folder / "rungs")
    search(text, folder, processes=1 + kept, **options)
    assert in_order(folder) == in_order(whole[0])


def test_a_last_round_of_before_is_read_as_a_rung(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    options = {**OPTIONS, "rungs": ["4 accuracy 8"]}
    for name in ("tasks", "rung_rows"):
        options.pop(name)
    search(text, folder, **options)
    events, expected = journal(folder), read_history(folder / "journal.jsonl").finalists
    recipe = {name: value for name, value in events[0]["recipe"].items() if name not in ("rungs", "rung_rows")}
    events[0]["recipe"] = {**recipe, "final_candidates": 4}
    known = ("identity", "score", "standard_error", "failure", "elapsed")
    events = [
        {"event": "last_round", **{name: event[name] for name in known}} if event["event"] == "rung" else event
        for event in events
    ]
    finished = [each for each in events if each["event"] not in ("trained", "finished")]
    rewrite(folder, finished)
    for place in ("best", "bert"):
        shutil.rmtree(folder / place)
    said = search(text, folder, **options)
    assert "Rung 1: 4/4" not in said, "all of it is known"
    assert {name: each.correct for name, each in read_history(folder / "journal.jsonl").finalists.items()} == {
        name: each.correct for name, each in expected.items()
    }
    capsys.readouterr()


def test_a_look_at_what_was_not_in_the_rung_before_is_damage(
    whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(whole[0])
    last = next(event["identity"] for event in events if event["event"] == "rung" and event["number"] == 3)
    rewrite(tmp_path, [event for event in events if (event.get("number"), event.get("identity")) != (2, last)])
    assert main(["report", str(tmp_path)]) == 1
    assert "its candidate has no score before rung 3" in capsys.readouterr().err
    for event in events:
        if event["event"] == "rung" and event["number"] == 1 and event["identity"] == last:
            event |= {"score": None, "standard_error": None, "failure": "not finite"}
    rewrite(tmp_path, events)
    assert main(["report", str(tmp_path)]) == 1
    assert "its candidate has no score before rung 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("identity", "f" * 16, "`identity` is that of no candidate"),
        ("number", 4, "`number` is 4, and the recipe has 3 rungs"),
    ],
)
def test_a_look_that_belongs_nowhere_is_damage(
    field: str, value: Any, said: str, whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(whole[0])
    next(event for event in events if event["event"] == "rung")[field] = value
    rewrite(tmp_path, events)
    assert main(["report", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rungs": ["best of all"]}, "a rung is candidates, a proxy and training steps, such as '16 accuracy 400'"),
        ({"rungs": ["4 acuracy 10"]}, "'acuracy' is no proxy, but accuracy, "),
        ({"rungs": ["4 accuracy 10 5"]}, "accuracy trains nothing itself, so that it has no steps of its own: leave 5"),
        ({"rungs": ["0 accuracy 10"]}, "at least one candidate is needed"),
        ({"rungs": ["65 accuracy 10"]}, "65 candidates, and the search looks at 64: a rung has fewer"),
        ({"rungs": ["4 accuracy 9", "4 loss 9"]}, "4 candidates, and the rung before has 4: a rung has fewer"),
        ({"rungs": ["4 tasks 10"]}, "proxy: tasks needs names of tasks: give --tasks"),
        ({"rung_rows": 100}, "rung_rows: of rungs, and there are none"),
        ({"tasks": ["bbc_topics"]}, "is an option of the proxy"),
    ],
)  # fmt: skip
def test_rungs_that_cannot_be_climbed_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        Recipe.from_dict(given, given)


def test_options_of_the_proxy_of_a_rung_are_of_the_search() -> None:
    recipe = Recipe.from_dict({"rungs": ["4 tasks 10"], "tasks": ["bbc_topics"]}, ["tasks"])
    assert recipe.to_dict()["tasks"] == ["bbc_topics"] and recipe.chosen("proxy") == ["accuracy", "tasks"]


def test_the_best_compromises_are_looked_at_for_longer(text: Path, tmp_path: Path) -> None:
    options = {"rungs": ["5 accuracy 10"], "front": 3, "mixed_precision": "no", "baseline_rates": 1}
    search(text, tmp_path / "run", **options)
    found = looks(tmp_path / "run", 1)
    history = read_history(tmp_path / "run" / "journal.jsonl")
    best = max(each.score for each in history.scored if each.score is not None)
    assert len(found) == 5 and any(each.score == best for each in history.scored if each.identity in found)
    kept = [each for name, each in history.finalists.items() if name != "bert"]
    assert all(each.candidate.identity in found for each in kept)


def test_where_all_scores_are_the_same_no_rank_correlation_is_told() -> None:
    recipe = {"rungs": ["4 accuracy 1"], "candidates": 8}
    start = Start(version=3, identity="x", recipe=recipe)
    known = {
        "generation": 0,
        "parent": None,
        "origin": "random",
        "standard_error": 0.1,
        "failure": None,
        "detail": None,
    }
    candidates = [
        Evaluated(number=n, identity=f"c{n}", layers=["conv(3)"], score=n / 10, seconds=1.0, **known)
        for n in range(1, 5)
    ]
    looks = [
        Looked(number=1, identity=each.identity, score=0.5, standard_error=0.1, failure=None, seconds=2.0)
        for each in candidates
    ]
    (facts,) = rungs_of(History([start, *candidates, *looks]))
    assert facts.rank_correlation is None and "tau" not in str(facts) and "nan" not in str(facts)
    assert (facts.candidates, facts.failed, facts.seconds) == (4, 0, 8.0)
    assert json.loads(json.dumps(asdict(facts), allow_nan=False))["best"] == 0.5
