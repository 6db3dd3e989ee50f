"""Masked language modelling: packed rows, masking that depends on a seed alone, and scores with their errors.

Shapes: R rows, N tokens of a row.
"""

import hashlib
import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import torch
from datasets import Dataset, IterableDataset
from torch import Tensor, nn
from transformers import DataCollatorForLanguageModeling, PreTrainedModel, PreTrainedTokenizerBase

from .loop import rows_at
from .sparse_prediction import sparse_prediction
from .standard_error import if_known


def pack(
    documents: Dataset | IterableDataset, tokenizer: PreTrainedTokenizerBase, length: int
) -> Dataset | IterableDataset:
    """Documents as rows of exactly `length` tokens: [CLS], text, [SEP]; a [SEP] stands between two documents.

    The result is cached by `datasets`, under the text, the tokenizer and the length; that of a stream is not.

    Args:
        documents: a data set with a column `text`.
        tokenizer: the tokenizer; needs a [CLS] and a [SEP].
        length: N, the tokens of a row.

    Returns:
        A data set with a column `input_ids`; what is left over at the end of each 1,000 documents is dropped.
    """
    cls_id, sep_id = tokenizer.cls_token_id, tokenizer.sep_token_id

    def rows(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = tokenizer(batch["text"], add_special_tokens=False, verbose=False)["input_ids"]
        stream = list(chain.from_iterable([*ids, sep_id] for ids in encoded))
        body = length - 2
        starts = range(0, len(stream) - body + 1, body)
        return {"input_ids": [[cls_id, *stream[start : start + body], sep_id] for start in starts]}

    packed = map_documents(documents, tokenizer, rows, f"rows of {length} tokens, version 1")
    return packed if isinstance(packed, IterableDataset) else packed.with_format("torch")


def map_documents(
    documents: Dataset | IterableDataset,
    tokenizer: PreTrainedTokenizerBase,
    rows: Callable[..., dict[str, list[Any]]],
    what: str,
) -> Dataset | IterableDataset:
    """Rows of tokens from documents, 1,000 at a time.

    Args:
        documents: a data set with a column `text`.
        tokenizer: the one that `rows` uses.
        rows: the columns of the rows that a batch of documents gives.
        what: names all else that the rows depend on: with text and tokenizer what the result is cached under.
    """
    options: dict[str, Any] = {"batched": True, "batch_size": 1000}
    if isinstance(documents, IterableDataset):
        return documents.map(rows, remove_columns=["text"], **options)
    # Pickling a tokenizer does not give the same bytes twice, so the fingerprint is made of what matters.
    parts = [documents._fingerprint, tokenizer.backend_tokenizer.to_str(), what]
    fingerprint = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return documents.map(
        rows, remove_columns=documents.column_names, new_fingerprint=fingerprint, desc="packing", **options
    )


@dataclass(frozen=True)
class MaskedBatch:
    """Masked tokens and the words to predict, (R, N) each; labels are -100 where nothing is asked."""

    input_ids: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, rows: slice) -> "MaskedBatch":
        return MaskedBatch(self.input_ids[rows], self.labels[rows])

    def to(self, device: torch.device) -> "MaskedBatch":
        """The batch on a device."""
        return MaskedBatch(self.input_ids.to(device), self.labels.to(device))


class MaskedRows:
    """Packed rows, masked as BERT does (15%; of these 80% [MASK], 10% another word, 10% as they are)."""

    def __init__(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, probability: float = 0.15):
        self.rows = rows
        self.tokenizer = tokenizer
        self._collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=probability, seed=0)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: list[int], seed: int) -> MaskedBatch:
        """Rows, masked by this seed; the same arguments give the same batch, in any process.

        One word at least is masked, unless the rows have none, but special tokens alone, such as [UNK].
        """
        self._collator.generator = torch.Generator().manual_seed(seed)
        rows = self.rows[indices]["input_ids"]
        masked = self._collator([{"input_ids": ids} for ids in rows])
        input_ids, labels = masked["input_ids"], masked["labels"]
        if (labels == -100).all():  # short rows: a batch that asks for nothing has no loss
            special = torch.tensor(self.tokenizer.all_special_ids)
            for row, place in (~torch.isin(input_ids, special)).nonzero()[:1].tolist():
                labels[row, place] = input_ids[row, place]
                input_ids[row, place] = self.tokenizer.mask_token_id
        return MaskedBatch(input_ids, labels)

    def sample(self, step: int, size: int, seed: int) -> MaskedBatch:
        """The batch of a training step; epochs are permutations of the rows, each with its own seed.

        Where its rows have no word to mask, those after them in the text are taken.

        Raises:
            ValueError: if no row has one.
        """
        indices = rows_at(step, size, len(self), seed)
        for further in range(len(self)):
            batch = self.batch([(place + further) % len(self) for place in indices], seed * 7_919 + step)
            if (batch.labels != -100).any():
                return batch
        raise ValueError("no row has a word to mask")


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
        with sparse_prediction(model):
            for start in range(0, len(batch), batch_size):
                part = batch[start : start + batch_size].to(model.device)
                asked = part.labels != -100
                with autocast():
                    logits = model(input_ids=part.input_ids, labels=part.labels).logits
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
