"""The proxies that need no labels: how well masked words of held-out rows are predicted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .proxy import Score
from .table import ProxyContext, ProxyKind, register

if TYPE_CHECKING:
    from torch import Tensor

    from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
    from autobert_zero_hf.model import AutoBertZeroForMaskedLM
    from autobert_zero_hf.training.replayable.masked_lm import Measure


@dataclass
class MaskedLmProxy:
    """Held-out masked-LM accuracy, or the loss with its sign turned, so that more is better.

    Args:
        evaluation: the masked held-out rows.
        measure: "accuracy" or "loss".
        autocast: the precision.
    """

    evaluation: "MaskedBatch"
    measure: "Measure"
    autocast: Callable[[], AbstractContextManager]

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The score on the rows; nothing is trained."""
        from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm

        score = evaluate_masked_lm(model, self.evaluation, measure=self.measure, autocast=self.autocast)
        return Score(score.value if self.measure == "accuracy" else -score.value, score.standard_error)

    def score_without_a_model(self, rows: "MaskedRows") -> float:
        """The score of knowing nothing but how frequent each word is in the training rows."""
        from autobert_zero_hf.training.pretraining.held_out import score_without_a_model

        score = score_without_a_model(self.evaluation.labels, frequencies_of_words(rows), self.measure)
        return score if self.measure == "accuracy" else -score


def frequencies_of_words(rows: "MaskedRows") -> "Tensor":
    """The share of each word in rows, (V,), in parts of 1: special tokens, which are not masked, have none."""
    import numpy as np

    from autobert_zero_hf.training.pretraining.held_out import without_special, word_frequencies

    special = np.zeros(1 + max(rows.tokenizer.get_vocab().values()), dtype=bool)
    special[rows.tokenizer.all_special_ids] = True
    return without_special(word_frequencies(rows.rows, len(special)), special)


def _by(measure: "Measure") -> Callable[[ProxyContext, None], MaskedLmProxy]:
    return lambda context, _: MaskedLmProxy(context.evaluation, measure, context.autocast)


register(
    ProxyKind(
        "accuracy",
        "accuracy on masked words of held-out rows",
        _by("accuracy"),
        constant_answer="answering the most frequent word of the training",
    )
)
register(
    ProxyKind(
        "loss",
        "loss on masked words of held-out rows",
        _by("loss"),
        constant_answer="answering each word with its frequency in the training",
    )
)
