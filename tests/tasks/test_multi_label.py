"""Texts with several labels: how they are scored, and what a constant answer is worth."""

from itertools import combinations

import numpy as np
import pytest
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from autobert_zero_hf.tasks.multi_label import MultiLabelTask
from autobert_zero_hf.tasks.task import TaskError


def random_labels(rows: int, seed: int) -> NDArray[np.float64]:
    shares = np.array([0.1, 0.6, 0.3, 0.55])
    return (np.random.default_rng(seed).random((rows, len(shares))) < shares).astype(float)


def task_of(train: NDArray[np.float64], validation: NDArray[np.float64]) -> MultiLabelTask:
    rows = [Dataset.from_dict({"text": ["a"] * len(each), "label": each.tolist()}) for each in (train, validation)]
    return MultiLabelTask("mine", *rows, ("a", "b", "c", "d"))


def test_scores_are_those_of_sklearn() -> None:
    wanted = random_labels(50, 0)
    task = task_of(random_labels(80, 1), wanted)
    logits = np.where(wanted > 0, 1.0, -1.0) + np.random.default_rng(2).normal(0, 1, wanted.shape)
    score = task.score(logits)
    assert score.value == pytest.approx(f1_score(wanted, logits > 0, average="micro"))
    assert 0.5 < score.value < 1
    assert score.standard_error is not None
    assert 0.01 < score.standard_error < 0.1
    assert task.head["problem_type"] == "multi_label_classification"


@pytest.mark.parametrize("seed", range(4))
def test_no_constant_answer_is_better_on_the_training_rows(seed: int) -> None:
    train = random_labels(60, seed)
    task = task_of(train, train)
    every = [np.isin(range(4), given) for count in range(5) for given in combinations(range(4), count)]
    scores = [f1_score(train, np.tile(given, (60, 1)), average="micro", zero_division=0.0) for given in every]
    assert task.baseline == pytest.approx(max(scores))
    assert task.constant.tolist() == every[int(np.argmax(scores))].tolist()
    assert task.constant_answer.startswith("always b")


def test_rows_to_score_on_are_two_at_least() -> None:
    with pytest.raises(TaskError, match="mine: 1 validation rows"):
        task_of(random_labels(5, 0), random_labels(1, 0))
