"""Scores of counts, such as a micro-averaged F1, with standard errors by the bootstrap.

What such a score is made of, entities, words or labels, is not independent within a text: it is the texts that are
drawn again (Efron, 1979), with a seed that is always the same.

Shapes: R rows, C counts of a row.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..standard_error import if_known

_DRAWS = 1000
_SEED = 0


@dataclass(frozen=True, eq=False)
class CountedScore(ABC):
    """How well a model answers rows, by counts that are summed over them.

    Args:
        counts: of each row, (R, C); what they count, the kind of score says.
    """

    counts: NDArray[np.int64]

    primary: ClassVar[str]
    """What the primary score is, in words."""

    @staticmethod
    @abstractmethod
    def of_totals(totals: NDArray[np.int64]) -> NDArray[np.float64]:
        """The primary score of sums of counts: (..., C) -> (...)."""

    @property
    @abstractmethod
    def values(self) -> dict[str, float]:
        """The metric's numbers by name."""

    @property
    def value(self) -> float:
        """The primary score."""
        return float(self.of_totals(self._totals))

    @cached_property
    def standard_error(self) -> float | None:
        """The standard error of `value` over independent rows (bootstrap); None where these do not tell it."""
        rows = len(self.counts)
        if rows < 2:
            return None
        generator = np.random.default_rng(_SEED)
        totals = np.stack([self.counts[generator.integers(rows, size=rows)].sum(axis=0) for _ in range(_DRAWS)])
        return if_known(float(self.of_totals(totals).std(ddof=1)))

    @property
    def details(self) -> dict[str, float | None]:
        """None; `values` are all that there is."""
        return {}

    @cached_property
    def _totals(self) -> NDArray[np.int64]:
        return self.counts.sum(axis=0)


class MicroF1(CountedScore):
    """F1, precision and recall over all rows together; the counts are right, predicted and wanted ones."""

    @staticmethod
    def of_totals(totals: NDArray[np.int64]) -> NDArray[np.float64]:
        """F1 of sums of counts: (..., 3) -> (...); 0 where nothing is right."""
        right, predicted, wanted = np.moveaxis(totals, -1, 0)
        return 2 * right / np.maximum(predicted + wanted, 1)

    @property
    def values(self) -> dict[str, float]:
        """The scores `f1`, `precision` and `recall`."""
        right, predicted, wanted = self._totals.tolist()
        return {"f1": self.value, "precision": right / max(predicted, 1), "recall": right / max(wanted, 1)}


class LabelF1(MicroF1):
    """F1 of the labels of rows that have several."""

    primary = "micro F1 of labels"


class EntityF1(MicroF1):
    """F1 of entities, of which each word and the kind must be right, as CoNLL's shared tasks have it (cs/0306050)."""

    primary = "F1 of entities"


class WordAccuracy(CountedScore):
    """The share of words whose tag is right; the counts are right words and all of them."""

    primary = "accuracy of words"

    @staticmethod
    def of_totals(totals: NDArray[np.int64]) -> NDArray[np.float64]:
        """The share, of sums of counts: (..., 2) -> (...)."""
        return totals[..., 0] / np.maximum(totals[..., 1], 1)

    @property
    def values(self) -> dict[str, float]:
        """The score `accuracy`."""
        return {"accuracy": self.value}
