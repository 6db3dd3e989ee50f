"""The proxy that needs no labels: how well masked words of held-out rows are predicted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.masked_lm import MaskedBatch, Measure, evaluate_masked_lm

from .proxy import Score


@dataclass
class MaskedLmProxy:
    """Held-out masked-LM accuracy, or the loss with its sign turned, so that more is better.

    Args:
        evaluation: the masked held-out rows.
        measure: "accuracy" or "loss".
        autocast: the precision.
    """

    evaluation: MaskedBatch
    measure: Measure
    autocast: Callable[[], AbstractContextManager]

    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The score on the rows; nothing is trained."""
        score = evaluate_masked_lm(model, self.evaluation, measure=self.measure, autocast=self.autocast)
        return Score(score.value if self.measure == "accuracy" else -score.value, score.standard_error)
