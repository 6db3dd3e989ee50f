"""Tasks to fine-tune on: a text or a pair of texts, and a class or a number to answer."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from ..errors import AutoBertZeroError
from .corpus import DEMO_TOPICS, load_demo
from .metrics import GlueMetric, TaskScore, metric_for

TASKS = ("bbc_topics",)
"""The tasks that are there without a folder."""
_FILES = ("labels.json", "train.jsonl", "validation.jsonl")


class TaskError(AutoBertZeroError):
    """A task that cannot be had or used."""


@dataclass(frozen=True)
class Task:
    """Labelled texts, columns `text`, for pairs `text_pair`, and `label`.

    Args:
        name: what the task is asked for by.
        train: the rows to train on.
        validation: the rows to score on.
        labels: the names of the classes; none in a regression, whose labels are numbers.
        label_range: the least and the greatest number of a regression.
    """

    name: str
    train: Dataset
    validation: Dataset
    labels: tuple[str, ...]
    label_range: tuple[float, float] | None = None

    @property
    def is_regression(self) -> bool:
        """Whether a number is asked for, not a class."""
        return not self.labels

    @property
    def metric(self) -> GlueMetric:
        """What the task is scored by."""
        return metric_for(self.name, len(self.labels))

    @property
    def head(self) -> dict[str, Any]:
        """The fields of a classifier's configuration that follow from the task."""
        names = self.labels or (self.name,)
        return {
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
            "problem_type": "regression" if self.is_regression else "single_label_classification",
        }

    @property
    def constant(self) -> float:
        """What to answer without reading: the most frequent class of the training rows, or their mean."""
        if self.is_regression:
            return float(np.mean(self.train["label"][:]))
        # The first of equally frequent ones.
        return int(np.bincount(self.train["label"][:]).argmax())

    @property
    def baseline(self) -> float:
        """The score of always answering `constant`: in a regression 0."""
        return self._scored(np.full(len(self.validation), self.constant)).value

    @property
    def majority(self) -> float:
        """The accuracy of always answering the most frequent class of the training rows.

        Raises:
            ValueError: in a regression, which has no classes.
        """
        if self.is_regression:
            raise ValueError(f"{self.name} is a regression, which has no majority class")
        return float(np.mean(np.asarray(self.validation["label"][:]) == self.constant))

    def score(self, logits: NDArray[Any]) -> TaskScore:
        """How good a classifier's outputs are.

        Args:
            logits: of the validation rows in their order, (R, classes), or (R, 1) in a regression; finite.

        Raises:
            ValueError: if there are not as many as validation rows.
        """
        return self._scored(logits[:, 0].astype(np.float64) if self.is_regression else logits.argmax(-1))

    def _scored(self, predictions: NDArray[Any]) -> TaskScore:
        return TaskScore(self.metric, predictions, np.asarray(self.validation["label"][:]))


def load_task(name: str, seed: int = 0, folder: Path | None = None) -> Task:
    """A task by its name.

    `bbc_topics`: the topic, of five, of BBC news articles; 10% of the articles are held out, the same ones that a
    search on this text with the same seed holds out.

    In a folder, each task is a folder of its name with three files. `train.jsonl` and `validation.jsonl` have a row a
    line: a JSON object with `sentence`, or `sentence1` and `sentence2`, and `label`; what else it has is left out.
    `labels.json` is `{"names": [...]}`, and a label a place among these names, or, for a regression, `{"names": [],
    "range": [lowest, highest]}`.

    Args:
        name: of the task.
        seed: of the split of `bbc_topics`; a task of a folder is split already.
        folder: where the task lies; without it, `bbc_topics` alone is known.

    Raises:
        TaskError: if there is no such task, or its files are not as they should be.
        CorpusError: if the text of `bbc_topics` is not there.
    """
    if folder is not None:
        return _from_folder(name, folder)
    if name not in TASKS:
        known = ", ".join(TASKS)
        raise TaskError(f"unknown task {name!r}: known are {known}, and those of a folder (--data, or --task-data)")
    parts = load_demo().train_test_split(test_size=0.1, seed=seed)
    return Task(name, parts["train"], parts["test"], DEMO_TOPICS)


def _from_folder(name: str, folder: Path) -> Task:
    if not folder.is_dir():
        raise TaskError(f"{folder}: {'is a file' if folder.exists() else 'no such folder'}; tasks lie in a folder")
    if not (folder / name).is_dir():
        there = ", ".join(sorted(path.parent.name for path in folder.glob("*/labels.json"))) or "no task"
        raise TaskError(f"unknown task {name!r}: in {folder} there is {there}")
    if missing := [file for file in _FILES if not (folder / name / file).is_file()]:
        raise TaskError(f"{folder / name}: no {', '.join(missing)}; a task has {', '.join(_FILES)}")
    labels, limits = _read_labels(folder / name / "labels.json")
    train = _read_rows(folder / name / "train.jsonl", len(labels), limits)
    validation = _read_rows(folder / name / "validation.jsonl", len(labels), limits)
    if train.column_names != validation.column_names:
        raise TaskError(f"{folder / name}: one file has sentence, the other sentence1 and sentence2")
    return Task(name, train, validation, labels, limits)


def _read_labels(path: Path) -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """The names of the classes, or none and the range of a regression."""
    wanted = '{"names": [...]}, or {"names": [], "range": [lowest, highest]} for a regression'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names, limits = found["names"], found.get("range")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TaskError(f"{path} is not {wanted}") from error
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise TaskError(f"{path}: names is not a list of texts; wanted is {wanted}")
    if not names:
        if not (isinstance(limits, list) and len(limits) == 2 and all(map(_is_number, limits))):
            raise TaskError(f"{path}: without names, range must be two numbers, not {limits!r}")
        if not limits[0] < limits[1]:
            raise TaskError(f"{path}: the range is empty, from {limits[0]} to {limits[1]}")
        return (), (float(limits[0]), float(limits[1]))
    if limits is not None:
        raise TaskError(f"{path} has names and a range: give names alone, or a range and no names for a regression")
    if len(names) < 2 or len(set(names)) < len(names):
        raise TaskError(f"{path}: classes are two or more different names, not {names}")
    return tuple(names), None


def _read_rows(path: Path, classes: int, limits: tuple[float, float] | None) -> Dataset:
    """The rows of a file, as a task has them; each is looked at."""
    texts: dict[str, str] = {}  # a column of the file -> its name in a task
    columns: dict[str, list[Any]] = {}
    for place, row in _objects(path):
        if not columns:
            texts = {"sentence1": "text", "sentence2": "text_pair"} if "sentence1" in row else {"sentence": "text"}
            columns = {name: [] for name in (*texts.values(), "label")}
        for column in (*texts, "label"):
            if column not in row:
                also = " (or sentence1 and sentence2)" if column == "sentence" else ""
                raise TaskError(f"{place}: no column {column!r}{also}; its columns are {', '.join(row) or 'none'}")
        for column, name in texts.items():
            if not isinstance(row[column], str):
                raise TaskError(f"{place}: {column} is not a text but {row[column]!r}")
            columns[name].append(row[column])
        columns["label"].append(_label(row["label"], classes, limits, place))
    if not columns:
        raise TaskError(f"{path}: no rows; one is needed at least")
    return Dataset.from_dict(columns)


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a file, one a line, and where they stand."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{path}, line {number}"
                    try:
                        row = json.loads(line)
                    except json.JSONDecodeError as error:
                        raise TaskError(f"{place}: not JSON ({error}); each line is a JSON object") from error
                    if not isinstance(row, dict):
                        raise TaskError(f"{place}: not a JSON object but {line.strip()[:40]}")
                    yield place, row
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except OSError as error:
        raise TaskError(str(error)) from error


def _label(label: Any, classes: int, limits: tuple[float, float] | None, place: str) -> float:
    if limits is None:
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < classes:
            raise TaskError(f"{place}: label {label!r} is not a whole number from 0 to {classes - 1}, a class's place")
        return label
    if not (_is_number(label) and limits[0] <= label <= limits[1]):
        raise TaskError(f"{place}: label {label!r} is not a number from {limits[0]:g} to {limits[1]:g}, the range")
    return float(label)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
