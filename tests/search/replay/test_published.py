"""The table of backbones that lies in the repository: `load_dataset` reads it, and so does the replay."""

import json

import pytest
from autobert_zero_hf.search.replay import BackboneTable, replay
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from datasets import load_dataset

from tests.benchmarks.backbone_table.measure import BACKBONES, MEASURED, TASK_STEPS, WORDS
from tests.benchmarks.winner import TASKS


def test_it_is_a_data_set_with_a_card() -> None:
    folder, counted = str(BACKBONES.parent), json.loads(MEASURED.read_text())
    backbones = load_dataset(folder, "backbones", split="train")
    scores = load_dataset(folder, split="train")
    assert (len(backbones), len(scores)) == (counted["backbones"], counted["scores"])
    assert set(scores["backbone"]) == set(backbones["name"])
    looks = {"inherited", *(f"words-{steps}" for steps in WORDS), *(f"tasks-{steps}" for steps in TASK_STEPS)}
    assert set(scores["look"]) == looks and set(scores["task"]) == {None, *TASKS}
    assert all(error > 0 for error in scores["standard_error"] if error is not None)


def test_strategies_search_in_it() -> None:
    table = BackboneTable.load(BACKBONES.parent)
    assert all(each.score is None or 0 <= each.score <= 1 for look in table.looks.values() for each in look.values())
    found = replay(RandomSearch, table, "words-400", 300.0, 0)
    assert found.best is not None and found.seconds[-1] <= 300.0
    assert table.looks["words-400"][found.best.identity].score == pytest.approx(
        max(each.score for each in found.evaluations if each.score is not None)
    )
