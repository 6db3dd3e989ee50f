"""Masked language modelling: a training that depends on its seed alone, and scores with their errors.

Shapes: R rows, N tokens of a row.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from autobert_zero_hf.data.masked_rows import MaskedBatch, MaskedRows
from autobert_zero_hf.standard_error import if_known

from .curve import LossCurve
from .loop import train

Measure = Literal["accuracy", "loss"]
WordMeasure = Callable[[Tensor, Tensor], Tensor]
"""What each masked word is worth, (W,), by its logits, (W, V), and the word that stood there, (W,)."""


@dataclass(frozen=True)
class MaskedScore:
    """A mean over masked words, with its error: of the words that were predicted, or of the loss.

    Rows are the unit of the errors, because words of one row are not independent.

    Args:
        totals: the sum over the masked words of each row: how many were predicted, or their cross-entropies in nats.
        masked: how many there are in each row.
    """

    totals: tuple[float, ...]
    masked: tuple[int, ...]

    @property
    def value(self) -> float:
        """The mean over all masked words; where there is none, nothing is right or wrong: it is not a number."""
        return sum(self.totals) / words if (words := sum(self.masked)) else math.nan

    @property
    def standard_error(self) -> float | None:
        """The standard error of `value`, a ratio of two sums over rows (linearised); None where no rows differ."""
        return _ratio_error([t - self.value * m for t, m in zip(self.totals, self.masked, strict=True)], self.masked)

    def difference(self, other: "MaskedScore") -> tuple[float, float | None]:
        """self - other and its standard error, both on the same rows and masks (paired); None where no row tells it."""
        if self.masked != other.masked:
            raise ValueError("the two scores were not measured on the same masked rows")
        residuals = [
            (a - self.value * m) - (b - other.value * m)
            for a, b, m in zip(self.totals, other.totals, self.masked, strict=True)
        ]
        return self.value - other.value, _ratio_error(residuals, self.masked)


def _ratio_error(residuals: list[float], masked: tuple[int, ...]) -> float | None:
    rows = len(masked)
    if rows < 2:
        return None
    return if_known(math.sqrt(rows / (rows - 1) * sum(r * r for r in residuals)) / max(1, sum(masked)))


@torch.no_grad()
def evaluate_masked_lm(
    model: PreTrainedModel,
    batch: MaskedBatch,
    batch_size: int = 32,
    measure: Measure | WordMeasure = "accuracy",
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> MaskedScore:
    """Predict the masked words of a batch; only the masked places are decoded.

    Args:
        model: a masked-LM model of this package, on any device; its mode is restored.
        batch: masked rows.
        batch_size: the rows of a forward pass.
        measure: "accuracy", or the cross-entropy, "loss"; or what a word is worth by another measure.
        autocast: the precision of the forward passes.

    Raises:
        FloatingPointError: if a score is not finite.
    """
    training = model.training
    model.eval()
    totals: list[float] = []
    try:
        for start in range(0, len(batch), batch_size):
            part = batch[start : start + batch_size].to(model.device)
            asked = part.labels != -100
            with autocast():
                logits = model(input_ids=part.input_ids, labels=part.labels, sparse_prediction=True).logits
            if not torch.isfinite(logits).all():
                raise FloatingPointError("the model's scores are not finite")
            words = part.labels[asked]
            worth = _measure(measure)(logits, words)
            of_words = torch.zeros(part.labels.shape, dtype=torch.float64, device=model.device)
            of_words[asked] = worth.double()
            totals.extend(of_words.sum(-1).tolist())
    finally:
        model.train(training)
    counts = tuple(int(total) for total in totals) if measure == "accuracy" else tuple(totals)
    return MaskedScore(counts, tuple((batch.labels != -100).sum(-1).tolist()))


def _measure(measure: Measure | WordMeasure) -> WordMeasure:
    if not isinstance(measure, str):
        return measure
    return _is_most_probable if measure == "accuracy" else _cross_entropy


def _is_most_probable(logits: Tensor, words: Tensor) -> Tensor:
    return logits.argmax(-1) == words


def _cross_entropy(logits: Tensor, words: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float(), words, reduction="none")


def train_masked_lm(
    model: nn.Module,
    rows: MaskedRows,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    autocast: Callable[[], AbstractContextManager],
    after_step: Callable[[int], None] | None = None,
    curve: LossCurve | None = None,
) -> None:
    """Train a masked-LM model in place, as `train` does; the result depends on the arguments alone.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """

    def batch_at(step: int) -> dict[str, Tensor]:
        batch = rows.sample(step, batch_size, seed)
        return {"input_ids": batch.input_ids, "labels": batch.labels}

    train(model, batch_at, steps, learning_rate, seed, autocast, after_step, curve, sparse_prediction=True)
