"""Rows that are masked as BERT masks them, each batch by its seed alone.

Shapes: R rows, N tokens of a row.
"""

from dataclasses import dataclass

import torch
from datasets import Dataset
from torch import Tensor
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from .order import rows_at


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
