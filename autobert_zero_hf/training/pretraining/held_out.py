"""What a pre-trained model is worth on held-out rows: masked words and next sentences, with errors and baselines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate.utils import gather_object
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import default_collate
from transformers import PreTrainedModel

from autobert_zero_hf.data.packing import tokens_of
from autobert_zero_hf.launch.processes import join_launch
from autobert_zero_hf.standard_error import if_known

from ..replayable.masked_lm import MaskedScore, Measure
from .data import RowsByPlace, evenly_spread


@dataclass(frozen=True)
class HeldOutScore:
    """Scores on the same masked words.

    Args:
        accuracy: of the masked words.
        loss: their cross-entropies, in nats.
        baseline_accuracy: of answering the most frequent word of the training.
        baseline_loss: of answering each word with its frequency in the training.
        next_sentence: for each pair whether its label was told; empty without next-sentence prediction.
        majority: the share of the more frequent label.
    """

    accuracy: MaskedScore
    loss: MaskedScore
    baseline_accuracy: float
    baseline_loss: float
    next_sentence: tuple[bool, ...] = ()
    majority: float = math.nan

    def facts(self) -> dict[str, Any]:
        """The score as numbers by name, for a file."""
        facts: dict[str, Any] = {
            "accuracy": self.accuracy.value,
            "accuracy_standard_error": self.accuracy.standard_error,
            "accuracy_baseline": self.baseline_accuracy,
            "loss": self.loss.value,
            "loss_standard_error": self.loss.standard_error,
            "loss_baseline": self.baseline_loss,
            "masked_words": sum(self.accuracy.masked),
            "held_out_rows": len(self.accuracy.masked),
        }
        if self.next_sentence:
            share, pairs = float(np.mean(self.next_sentence)), len(self.next_sentence)
            facts["next_sentence_accuracy"] = share
            error = if_known(math.sqrt(share * (1 - share) / max(1, pairs - 1)))
            facts["next_sentence_accuracy_standard_error"] = error
            facts["next_sentence_accuracy_baseline"] = self.majority
        return facts


def word_frequencies(rows: Dataset, vocab_size: int) -> NDArray[np.float64]:
    """The share of each entry of a vocabulary, (V,), in up to 10,000 rows; each is counted once more than it occurs."""
    counts = np.ones(vocab_size)
    for tokens, _ in tokens_of(evenly_spread(rows, 10_000)):
        counts += np.bincount(tokens, minlength=vocab_size)
    return counts / counts.sum()


def without_special(frequencies: NDArray[np.float64], special: NDArray[np.bool_]) -> Tensor:
    """The frequencies of what can be masked, in parts of 1: special tokens have none, (V,)."""
    found = torch.from_numpy(np.where(special, 0, frequencies[: len(special)]))
    return found / found.sum()


def score_without_a_model(labels: Tensor, frequencies: Tensor, measure: Measure) -> float:
    """The accuracy of answering the most frequent word, or the loss of answering each with its frequency.

    Args:
        labels: of masked rows, (R, N); the accuracy is that of a model that says so, to the last bit.
        frequencies: of the words in the training, (V,), as `without_special` gives them.
        measure: which of the two.
    """
    words = labels[labels != -100]
    if measure == "accuracy":
        return int((words == frequencies.argmax()).sum()) / max(1, len(words))
    return float(-frequencies[words].log().mean())


class _RowScore(NamedTuple):
    """What a row adds: sums over its masked words, of the model and of the baseline; of a pair what was told and is."""

    place: int
    masked: int
    correct: int
    loss: float
    baseline_correct: int
    baseline_loss: float
    told: int | None = None
    label: int | None = None


@torch.no_grad()
def evaluate_held_out(
    model: PreTrainedModel, rows: RowsByPlace, frequencies: NDArray[np.float64], batch_size: int = 32
) -> HeldOutScore:
    """Predict the masked words of held-out rows, and tell the pairs; every process does a share, and knows the whole.

    Args:
        model: of the heads "ForMaskedLM" or "ForPreTraining", on any device; left in evaluation mode.
        rows: the held-out rows.
        frequencies: of the words in the training, (V,); the baseline answers with those that are not special.
        batch_size: the rows of a forward pass.

    Raises:
        FloatingPointError: if a score is not finite.
    """
    state = join_launch()
    model.eval()
    baseline = without_special(frequencies, rows.examples.masking.special)
    scores: list[_RowScore] = []
    own = range(state.process_index, len(rows), state.num_processes)
    for start in range(0, len(own), batch_size):
        places = own[start : start + batch_size]
        batch = default_collate([rows[place] for place in places])
        inputs = {name: tensor.to(model.device) for name, tensor in batch.items()}
        scores += _scores_of(places, batch, model(**inputs, sparse_prediction=True), baseline)
    if state.num_processes > 1:
        scores = sorted(gather_object(scores))
    masked = tuple(score.masked for score in scores)
    labels = [score.label for score in scores if score.label is not None]
    return HeldOutScore(
        accuracy=MaskedScore(tuple(score.correct for score in scores), masked),
        loss=MaskedScore(tuple(score.loss for score in scores), masked),
        baseline_accuracy=sum(score.baseline_correct for score in scores) / sum(masked),
        baseline_loss=sum(score.baseline_loss for score in scores) / sum(masked),
        next_sentence=tuple(score.told == score.label for score in scores if score.label is not None),
        majority=float(max(np.mean(labels), 1 - np.mean(labels))) if labels else math.nan,
    )


def _scores_of(
    places: Sequence[int], batch: Mapping[str, Tensor], outputs: Any, frequencies: Tensor
) -> list[_RowScore]:
    """The scores of a batch of R rows, given the model's outputs for the masked words alone, (words, V)."""
    asked = batch["labels"] != -100
    words = batch["labels"][asked]
    logits = (outputs.prediction_logits if "prediction_logits" in outputs else outputs.logits).float().cpu()
    if not torch.isfinite(logits).all():
        raise FloatingPointError("the model's scores are not finite")
    of_words = (
        logits.argmax(-1) == words,
        nn.functional.cross_entropy(logits, words, reduction="none"),
        words == frequencies.argmax(),
        -frequencies[words].log(),
    )
    sums = torch.zeros(len(of_words), *asked.shape, dtype=torch.float64)
    sums[:, asked] = torch.stack([each.double() for each in of_words])
    correct, loss, baseline_correct, baseline_loss = sums.sum(-1).tolist()  # (4, R)
    told: list[int | None] = [None] * len(asked)
    labels = list(told)
    if "next_sentence_label" in batch:
        told, labels = outputs.seq_relationship_logits.argmax(-1).tolist(), batch["next_sentence_label"].tolist()
    counts = asked.sum(-1).tolist()
    columns = (places, counts, map(int, correct), loss, map(int, baseline_correct), baseline_loss, told, labels)
    return [_RowScore(*row) for row in zip(*columns, strict=True)]
