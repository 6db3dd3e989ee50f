"""What every proxy is: it says how good a model is, and how sure that is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from autobert_zero_hf.model import AutoBertZeroForMaskedLM


@dataclass(frozen=True)
class Score:
    """What a proxy found, the larger the better, with its standard error; None where the rows do not tell it."""

    value: float
    standard_error: float | None


class Proxy(Protocol):
    """Scores models; all on the same rows, so that differences are paired. The same weights have the same score."""

    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        """The score of a candidate's model.

        Args:
            model: with its inherited weights, on its device; it may be changed.
            after_step: to be called after each step of a training, with its number; ends what takes too long.

        Raises:
            FloatingPointError: if something is not finite.
        """
        ...
