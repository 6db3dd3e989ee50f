"""Which of two models is better, as far as their scores tell."""

from dataclasses import dataclass

from autobert_zero_hf.standard_error import plus_minus

from ..runtime.records import Trained

_ERRORS = 2
"""Standard errors that a difference must be apart from nought, about 95% of chance."""


@dataclass(frozen=True)
class Difference:
    """How much better a winner is than what stands beside it.

    >>> print(Difference(0.031, 0.004))
    +0.0310 ± 0.0040, better

    Args:
        value: the one score less the other.
        error: the standard error of that, over the rows that both are scored on; None where it is not known.
        is_same: whether the winner is what stands beside it.
    """

    value: float
    error: float | None
    is_same: bool = False

    @classmethod
    def of(cls, best: Trained, beside: Trained) -> "Difference":
        """The difference of two models that were scored on the same rows."""
        same = (best.layers, best.sizes, best.block, best.correct) == (
            beside.layers,
            beside.sizes,
            beside.block,
            beside.correct,
        )
        return cls(*best.score.difference(beside.score), same)

    @property
    def verdict(self) -> str:
        """One of "the same", "not known", "better", "worse" and "not clearly different"."""
        if self.is_same:
            return "the same"
        if self.error is None:
            return "not known"
        if abs(self.value) <= _ERRORS * self.error:
            return "not clearly different"
        return "better" if self.value > 0 else "worse"

    def __str__(self) -> str:
        return f"{plus_minus(self.value, self.error, signed=True)}, {self.verdict}"
