"""What every proxy is: it says how good a model is, and how sure that is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from autobert_zero_hf.data.masked_rows import MaskedRows
    from autobert_zero_hf.model import AutoBertZeroForMaskedLM


@dataclass(frozen=True)
class Score:
    """What a proxy found, the larger the better, with its standard error; None where the rows do not tell it."""

    value: float
    standard_error: float | None


class Proxy(Protocol):
    """Scores models; all on the same rows, so that differences are paired. The same weights have the same score.

    One that has a method `score_without_a_model`, as `KnowsConstantAnswer` describes it, lets the search name the
    candidates that learnt nothing.
    """

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:
        """The score of a candidate's model.

        Args:
            model: with its inherited weights, on its device; it may be changed.
            after_step: to be called after each step of a training, with its number; ends what takes too long.

        Raises:
            FloatingPointError: if something is not finite.
        """
        ...


@runtime_checkable
class KnowsConstantAnswer(Protocol):
    """A proxy that knows what a constant answer scores."""

    def score_without_a_model(self, rows: "MaskedRows") -> float:
        """The score of an answer that no model is needed for.

        Args:
            rows: the training rows.
        """
        ...


def score_without_a_model(proxy: Proxy, rows: "MaskedRows") -> float | None:
    """What a proxy says of a constant answer, which no model is needed for; None where it knows none.

    Args:
        proxy: scores candidates.
        rows: the training rows.
    """
    return proxy.score_without_a_model(rows) if isinstance(proxy, KnowsConstantAnswer) else None
