"""What a model's head predicts from hidden states: words, or classes of texts or of words.

Shapes: B texts, N tokens, C hidden size, P places, K words of the vocabulary or classes.
"""

from typing import Any

from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroPreTrainedModel
from autobert_zero_hf.model.modeling_heads import (
    AutoBertZeroForNextSentencePrediction,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
)


def of_whole_texts(model: AutoBertZeroPreTrainedModel) -> bool:
    """Whether the head predicts something of a text, and not of its words."""
    return isinstance(model, AutoBertZeroForSequenceClassification | AutoBertZeroForNextSentencePrediction)


def predictions(model: AutoBertZeroPreTrainedModel, encoded: Any, places: Tensor) -> Tensor | None:
    """The logits of a head; None for a model that has none of these.

    Args:
        model: a model with its head.
        encoded: what its base model gave.
        places: which tokens are looked at, (B, N), of P that are true; of whole texts all are.

    Returns:
        (P, K), or, of whole texts, (B, K).
    """
    whole: Any = model
    if isinstance(model, AutoBertZeroForSequenceClassification):
        return whole.classifier(whole.transformed(encoded.pooler_output))
    if isinstance(model, AutoBertZeroForNextSentencePrediction):
        return whole.seq_relationship(encoded.pooler_output)
    words = encoded.last_hidden_state[places]
    if isinstance(model, AutoBertZeroForTokenClassification):
        return whole.classifier(whole.transformed(words))
    return None if model.get_output_embeddings() is None else whole.decoder(whole.head(words))


def divergence(given: Tensor, wanted: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of predictions from those that are wanted, (P, K) both, the mean over places.

    Where there is one number to predict, its squared error as a share of the squares.
    """
    if given.shape[-1] == 1:
        return (given - wanted).square().sum() / wanted.square().sum()
    student, teacher = (nn.functional.log_softmax(each.float(), -1) for each in (given, wanted))
    return nn.functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
