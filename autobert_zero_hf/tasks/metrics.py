"""GLUE's metrics (arXiv 1804.07461), and the standard errors of its scores.

They are `evaluate`'s kind of metric, but part of this package: nothing is loaded from the Hub. Predictions without any
variety, such as one class or one number for all rows, have a score, too: 0 for F1 and for every correlation.

Shapes: R rows.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import datasets
import evaluate
import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from ..standard_error import if_known

_BLOCKS = 1000
_BLOCKS_AT_ONCE = 100


class GlueMetric(evaluate.Metric, ABC):
    """One of GLUE's metrics: `compute(predictions=..., references=...)` gives a dictionary of numbers.

    It computes in memory, and alone: in a distributed run each process has all predictions, or asks none.
    """

    description: ClassVar[str]
    primary: ClassVar[str]
    """What the primary score is, in words."""
    number: ClassVar[str] = "int64"  # of a prediction, and of a reference

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        kind = datasets.Value(self.number)
        return evaluate.MetricInfo(
            description=self.description,
            citation="arXiv 1804.07461",
            inputs_description="Args: predictions and references, a number a row each.",
            features=datasets.Features({"predictions": kind, "references": kind}),
        )

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        return self.scores(np.asarray(predictions), np.asarray(references))

    @abstractmethod
    def scores(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """The numbers by name, of arrays of shape (R,); R is at least 1."""

    def jackknife(self, predictions: NDArray[Any], references: NDArray[Any]) -> NDArray[np.float64]:
        """The primary score without each of the rows, (R,); R is at least 2."""
        # Rows of the same class and the same prediction leave the same score behind.
        pairs = np.stack([predictions, references])
        _, first, inverse = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
        without = [_mean(self.scores(np.delete(predictions, row), np.delete(references, row))) for row in first]
        return np.array(without)[inverse.ravel()]


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values)


class Accuracy(GlueMetric):
    """The share of rows whose class is predicted: SST-2, MNLI, QNLI, RTE, WNLI."""

    description = "The share of rows whose class is predicted."
    primary = "accuracy"

    def scores(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """The score `accuracy`."""
        return {"accuracy": float(accuracy_score(references, predictions))}


class AccuracyAndF1(GlueMetric):
    """Accuracy, and the F1 of class 1: MRPC and QQP, whose classes are not balanced."""

    description = "Accuracy, and the F1 of class 1; F1 is 0 where class 1 is never right."
    primary = "accuracy and F1"

    def scores(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """The scores `accuracy` and `f1`."""
        f1 = f1_score(references, predictions, zero_division=0.0)
        return {"accuracy": float(accuracy_score(references, predictions)), "f1": float(f1)}


class MatthewsCorrelation(GlueMetric):
    """Matthews' correlation of classes: CoLA, whose classes are not balanced."""

    description = "Matthews' correlation of predicted and real classes; 0 where either has one class only."
    primary = "Matthews' correlation"

    def scores(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """The score `matthews_correlation`."""
        if not (np.ptp(predictions) and np.ptp(references)):
            return {"matthews_correlation": 0.0}
        return {"matthews_correlation": float(matthews_corrcoef(references, predictions))}


class PearsonAndSpearman(GlueMetric):
    """The correlations of numbers, and of their ranks: STS-B, and every other regression."""

    description = "Pearson's and Spearman's correlation; 0 where either side is one number."
    primary = "Pearson and Spearman"
    number = "float64"

    def scores(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """The scores `pearson` and `spearman`.

        Raises:
            ValueError: if a number is not finite.
        """
        if not (np.isfinite(predictions).all() and np.isfinite(references).all()):
            raise ValueError("a correlation needs finite numbers: some predictions or references are not")
        pearson, spearman = _correlations(predictions[None], references[None])
        return {"pearson": float(pearson[0]), "spearman": float(spearman[0])}

    def jackknife(self, predictions: NDArray[Any], references: NDArray[Any]) -> NDArray[np.float64]:
        """The primary score without each of the rows; from 1,001 rows on, without each of at most 1,000 blocks of rows.

        The time grows in proportion to the rows from there on.
        """
        rows = len(predictions)
        size = -(-rows // _BLOCKS)
        # (G, size): rows far apart make a block, and the last one takes what it lacks from the first rows.
        count = -(-rows // size)
        blocks = (np.arange(count)[:, None] + count * np.arange(size)) % rows
        parts = []
        for part in np.array_split(blocks, -(-count // _BLOCKS_AT_ONCE)):
            kept = np.ones((len(part), rows), bool)
            np.put_along_axis(kept, part, False, axis=1)
            both = [
                np.broadcast_to(side, kept.shape)[kept].reshape(len(part), -1) for side in (predictions, references)
            ]
            parts.append(np.mean(_correlations(*both), axis=0))
        return np.concatenate(parts)


def _correlations(one: NDArray[Any], two: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pearson's and Spearman's correlations along the last axis: (G, R), (G, R) -> (G,), (G,)."""
    pearson, spearman = np.zeros(len(one)), np.zeros(len(one))
    varied = _varies(one) & _varies(two)
    if varied.any():
        one, two = one[varied], two[varied]
        pearson[varied] = pearsonr(one, two, axis=-1).statistic
        # Of ranks, ties sharing their mean rank: this is Spearman's.
        spearman[varied] = pearsonr(rankdata(one, axis=-1), rankdata(two, axis=-1), axis=-1).statistic
    return pearson, spearman


def _varies(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether numbers differ by more than rounding, along the last axis: (G, R) -> (G,)."""
    # SciPy warns of a deviation below 1e-13 of the mean, which cannot be told from rounding.
    return np.ptp(values, axis=-1) > 1e-12 * np.abs(values).max(axis=-1)


_OF_GLUE: dict[str, type[GlueMetric]] = {
    "cola": MatthewsCorrelation,
    "mrpc": AccuracyAndF1,
    "qqp": AccuracyAndF1,
}
"""The tasks of two classes that are not scored by accuracy alone."""


def metric_for(task: str, classes: int) -> GlueMetric:
    """What a task is scored by.

    Args:
        task: its name; with two classes, GLUE's names have GLUE's metrics.
        classes: how many; 0 for a regression.
    """
    if not classes:
        return PearsonAndSpearman()
    return _OF_GLUE.get(task, Accuracy)() if classes == 2 else Accuracy()


class Score(Protocol):
    """How well a model does a task, whatever the task is."""

    @property
    def values(self) -> dict[str, float]:
        """The metric's numbers by name."""

    @property
    def value(self) -> float:
        """The primary score of the metric."""

    @property
    def standard_error(self) -> float | None:
        """The standard error of `value`, over what is scored; None where that does not tell it."""

    @property
    def details(self) -> dict[str, float | None]:
        """More numbers that say how the score came about; an error that is not known is None."""


@dataclass(frozen=True, eq=False)
class TaskScore:
    """How well a model answers the rows of a task, with the error.

    Args:
        metric: what it is scored by.
        predictions: a class or a number a row, (R,).
        references: what is right, (R,).
    """

    metric: GlueMetric
    predictions: NDArray[Any]
    references: NDArray[Any]

    @cached_property
    def values(self) -> dict[str, float]:
        """The metric's numbers by name."""
        return self.metric.compute(predictions=self.predictions, references=self.references)

    @property
    def value(self) -> float:
        """The primary score, as GLUE has it: the mean of `values`, where there are two."""
        return _mean(self.values)

    @property
    def standard_error(self) -> float | None:
        """The standard error of `value` over independent rows (jackknife); None where each leaves the same score."""
        return _jackknife_error(self._without)

    @property
    def details(self) -> dict[str, float | None]:
        """None; `values` are all that GLUE has."""
        return {}

    def difference(self, other: "TaskScore") -> tuple[float, float | None]:
        """self - other and its standard error, both on the same rows (paired); None where these do not tell it.

        Raises:
            ValueError: if they are not of the same rows, or not by the same metric.
        """
        if type(self.metric) is not type(other.metric) or not np.array_equal(self.references, other.references):
            raise ValueError("the two scores were not measured on the same rows by the same metric")
        return self.value - other.value, _jackknife_error(self._without - other._without)

    @cached_property
    def _without(self) -> NDArray[np.float64]:
        if len(self.references) < 2:
            return np.full(len(self.references), self.value)
        return self.metric.jackknife(self.predictions, self.references)


def _jackknife_error(without: NDArray[np.float64]) -> float | None:
    """The standard error of a score, from its values without each of the blocks of rows, (G,)."""
    blocks = len(without)
    if blocks < 2:
        return None
    return if_known(math.sqrt((blocks - 1) / blocks * float(((without - without.mean()) ** 2).sum())))
