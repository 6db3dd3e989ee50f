"""Tasks whose texts have several labels, or one, or none.

Shapes: R rows, L labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from .counted_score import LabelF1
from .task import check_validation, names_in_head


@dataclass(frozen=True)
class MultiLabelTask:
    """Texts with several labels: columns `text`, for pairs `text_pair`, and `label`, 1.0 or 0.0 for each of the labels.

    A label is given where its probability is above a half.

    Args:
        name: what the task is asked for by.
        train: the rows to train on.
        validation: the rows to score on.
        labels: their names.
        further: more rows that are scored, not chosen by, by the name of their score.
        dataset: where it is from: a data set of the Hub and its configuration; none for local files.
        reading: how the rows were read, for `result.json`.

    Raises:
        TaskError: if there are fewer than two validation rows.
    """

    name: str
    train: Dataset
    validation: Dataset
    labels: tuple[str, ...]
    further: Mapping[str, Dataset] = field(default_factory=dict)
    dataset: tuple[str, str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_validation(self.name, self.validation)

    @property
    def metric(self) -> type[LabelF1]:
        """What the task is scored by."""
        return LabelF1

    @property
    def head(self) -> dict[str, Any]:
        """The fields of a classifier's configuration that follow from the task."""
        return {**names_in_head(self.labels), "problem_type": "multi_label_classification"}

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says of the task besides."""
        return {}

    @property
    def constant(self) -> NDArray[np.bool_]:
        """What to answer without reading: the labels that score highest if every training row is given them, (L,)."""
        frequency = np.asarray(self.train["label"][:]).sum(axis=0)
        order = np.argsort(-frequency, kind="stable")
        # Of as many labels, the most frequent are best.
        counts = np.arange(1, len(order) + 1)
        f1 = 2 * np.cumsum(frequency[order]) / (counts * len(self.train) + frequency.sum())
        return np.isin(np.arange(len(order)), order[: 1 + int(np.argmax(f1))])

    @property
    def constant_answer(self) -> str:
        """What `constant` is, in words."""
        return f"always {', '.join(name for name, given in zip(self.labels, self.constant, strict=True) if given)}"

    @property
    def baseline(self) -> float:
        """The score of always answering `constant`."""
        return self.baseline_of(self.validation)

    def baseline_of(self, rows: Dataset) -> float:
        """The baseline on other rows."""
        return self._scored(np.broadcast_to(self.constant, (len(rows), len(self.labels))), rows).value

    def score(self, logits: NDArray[Any], rows: Dataset | None = None) -> LabelF1:
        """How good a classifier's outputs are.

        Args:
            logits: of the rows in their order, (R, L).
            rows: those of `further`, say; by default the validation rows.
        """
        return self._scored(logits > 0, self.validation if rows is None else rows)

    def _scored(self, given: NDArray[np.bool_], rows: Dataset) -> LabelF1:
        wanted = np.asarray(rows["label"][:]) > 0
        return LabelF1(np.stack([(given & wanted).sum(1), given.sum(1), wanted.sum(1)], axis=1))
