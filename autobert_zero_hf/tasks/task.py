"""Tasks to fine-tune on: a text or a pair of texts, and a class or a number to answer."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from ..errors import AutoBertZeroError
from ..model.excerpts import excerpt, shortened
from .metrics import GlueMetric, TaskScore, metric_for


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
        further: more rows that are scored, not chosen by, by the name of their score, such as `mnli_mismatched`.
        dataset: where it is from: a data set of the Hub and its configuration; none for local files.
        reading: how the rows were read, for `result.json`.

    Raises:
        TaskError: if there are fewer than two validation rows.
    """

    name: str
    train: Dataset
    validation: Dataset
    labels: tuple[str, ...]
    label_range: tuple[float, float] | None = None
    further: Mapping[str, Dataset] = field(default_factory=dict)
    dataset: tuple[str, str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_validation(self.name, self.validation)

    @property
    def is_regression(self) -> bool:
        """Whether a number is asked for, not a class."""
        return not self.labels

    @property
    def metric(self) -> GlueMetric:
        """What the task is scored by."""
        return metric_for(self.name.rpartition("/")[2], len(self.labels))

    @property
    def head(self) -> dict[str, Any]:
        """The fields of a classifier's configuration that follow from the task."""
        problem_type = "regression" if self.is_regression else "single_label_classification"
        return {**names_in_head(self.labels or (self.name,)), "problem_type": problem_type}

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says of the task besides."""
        return {} if self.is_regression else {"majority": self.majority}

    @property
    def constant(self) -> float:
        """What to answer without reading: the most frequent class of the training rows, or their mean."""
        if self.is_regression:
            return float(np.mean(self.train["label"][:]))
        # The first of equally frequent ones.
        return int(np.bincount(self.train["label"][:]).argmax())

    @property
    def constant_answer(self) -> str:
        """What `constant` is, in words."""
        return "the mean of the training rows" if self.is_regression else "the majority class"

    @property
    def baseline(self) -> float:
        """The score of always answering `constant`: in a regression 0."""
        return self.baseline_of(self.validation)

    def baseline_of(self, rows: Dataset) -> float:
        """The baseline on other rows."""
        return self._scored(np.full(len(rows), self.constant), rows).value

    @property
    def majority(self) -> float:
        """The accuracy of always answering the most frequent class of the training rows.

        Raises:
            ValueError: in a regression, which has no classes.
        """
        if self.is_regression:
            raise ValueError(f"{self.name} is a regression, which has no majority class")
        return float(np.mean(np.asarray(self.validation["label"][:]) == self.constant))

    def score(self, logits: NDArray[Any], rows: Dataset | None = None) -> TaskScore:
        """How good a classifier's outputs are.

        Args:
            logits: of the rows in their order, (R, classes), or (R, 1) in a regression; finite.
            rows: those of `further`, say; by default the validation rows.

        Raises:
            ValueError: if there are not as many as rows.
        """
        rows = self.validation if rows is None else rows
        return self._scored(logits[:, 0].astype(np.float64) if self.is_regression else logits.argmax(-1), rows)

    def _scored(self, predictions: NDArray[Any], rows: Dataset) -> TaskScore:
        return TaskScore(self.metric, predictions, np.asarray(rows["label"][:]))


def check_validation(name: str, rows: Dataset) -> None:
    """Raise an error if there are too few rows to score on.

    Raises:
        TaskError: if there are fewer than two.
    """
    if len(rows) < 2:
        raise TaskError(f"{name}: {len(rows)} validation rows; a standard error needs two at least")


def names_in_head(names: Sequence[str]) -> dict[str, Any]:
    """The names of a classifier's outputs, as its configuration has them."""
    return {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def check_columns(columns: Sequence[str], wanted: Sequence[str], place: str) -> None:
    """Raise an error if one of the wanted columns is missing.

    Raises:
        TaskError: that names the first one.
    """
    for column in wanted:
        if column not in columns:
            also = " (or text, or sentence1 and sentence2)" if column == "sentence" else ""
            known = shortened(", ".join(columns) or "none", 200)
            raise TaskError(f"{place}: no column {column!r}{also}; its columns are {known}")


def task_rows(
    columns: Mapping[str, Sequence[Any]],
    classes: Sequence[str],
    limits: tuple[float, float] | None,
    place: Callable[[int], str],
) -> Dataset:
    """Rows as a `Task` has them; each is looked at.

    Args:
        columns: one or two of texts, and `label`; not empty.
        classes: their names; a label is the place of one, or its name.
        limits: the range of a regression.
        place: where a row stands, for messages.

    Raises:
        TaskError: at the first text that is none, or label that is not in the range.
    """
    texts = [name for name in columns if name != "label"]
    for column in texts:
        for number, text in enumerate(columns[column]):
            if not isinstance(text, str):
                raise TaskError(f"{place(number)}: {column} is not a text but {excerpt(text)}")
    labels = [_label(label, classes, limits, place, number) for number, label in enumerate(columns["label"])]
    named = dict(zip(("text", "text_pair"), (columns[name] for name in texts), strict=False))
    return Dataset.from_dict({**named, "label": labels})


def _label(
    label: Any, classes: Sequence[str], limits: tuple[float, float] | None, place: Callable[[int], str], number: int
) -> float:
    if limits is not None:
        if is_number(label) and limits[0] <= label <= limits[1]:
            return float(label)
        wanted = f"a number from {limits[0]:g} to {limits[1]:g}, the range"
        raise TaskError(f"{place(number)}: label {excerpt(label)} is not {wanted}")
    if isinstance(label, str) and label in classes:
        return classes.index(label)
    # Tables that have gaps write 0 as 0.0.
    if is_number(label) and label == int(label) and 0 <= label < len(classes):
        return int(label)
    near = difflib.get_close_matches(label[:100], classes, n=1) if isinstance(label, str) else []
    names = f"; did you mean {excerpt(near[0])}?" if near else f": {shortened(', '.join(classes), 100)}"
    wanted = f"a whole number from 0 to {len(classes) - 1}, a class's place, nor a class's name{names}"
    raise TaskError(f"{place(number)}: label {excerpt(label)} is not {wanted}")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all of float's
        return False
