"""The mean reciprocal rank of masked words (Voorhees 1999, TREC-8): between accuracy and loss.

A word that comes second is worth a half, where accuracy sees nothing; and one that comes last costs hardly more than
the hundredth does, where a few such words rule the loss.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .masked_lm import frequencies_of_words
from .proxy import Score
from .table import ProxyKind, register

if TYPE_CHECKING:
    from torch import Tensor

    from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
    from autobert_zero_hf.model import AutoBertZeroForMaskedLM


@dataclass
class ReciprocalRank:
    """The mean over masked words of 1 / the word's rank among all of the vocabulary, 1 being the most probable.

    Args:
        evaluation: the masked held-out rows.
        autocast: the precision.
    """

    evaluation: "MaskedBatch"
    autocast: Callable[[], AbstractContextManager]

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:  # noqa: ARG002
        """The mean on the rows; nothing is trained."""
        from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm

        score = evaluate_masked_lm(model, self.evaluation, measure=reciprocal_ranks, autocast=self.autocast)
        return Score(score.value, score.standard_error)

    def score_without_a_model(self, rows: "MaskedRows") -> float:
        """The score of ranking all words by how frequent they are in the training rows."""
        words = self.evaluation.labels[self.evaluation.labels != -100]
        return reciprocal_ranks(frequencies_of_words(rows).expand(len(words), -1), words).mean().item()


def reciprocal_ranks(logits: "Tensor", words: "Tensor") -> "Tensor":
    """1 / the rank of each word; equal ones share the mean of their ranks, so that a constant answer gains nothing.

    Args:
        logits: (W, V).
        words: (W,).
    """
    own = logits.gather(-1, words[:, None])
    above, equal = (logits > own).sum(-1), (logits == own).sum(-1) - 1
    return 1 / (1 + above.double() + equal.double() / 2)


register(
    ProxyKind(
        "reciprocal-rank",
        "mean reciprocal rank of masked words of held-out rows",
        lambda context, _: ReciprocalRank(context.evaluation, context.autocast),
        constant_answer="ranking words by their frequency in the training",
    )
)
