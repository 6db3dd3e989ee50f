"""A short fine-tuning on a task whose every batch follows from the seed and the step.

Shapes: R rows, B rows of a batch, N tokens of its longest row, L outputs of a classifier.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase
from transformers.initialization import no_init_weights

from autobert_zero_hf.data.order import rows_at
from autobert_zero_hf.model import (
    AutoBertZeroConfig,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroPreTrainedModel,
)
from autobert_zero_hf.tasks.encoding import encode
from autobert_zero_hf.tasks.task import Task

from .loop import train

_SORTED = 16
"""Steps whose rows are dealt out by length."""


class TaskRows:
    """Rows of a task, tokenized once; a batch is padded to its longest row.

    Args:
        rows: the training or the validation rows of a `Task`.
        tokenizer: the model's.
        max_length: tokens of a row; the rest is cut off. No more than the model takes.
    """

    def __init__(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int):
        self.rows = encode(rows, tokenizer, max_length)
        self.lengths = [len(ids) for ids in self.rows["input_ids"]]
        self._collator = DataCollatorWithPadding(tokenizer)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """A classifier's keyword arguments: token ids and what goes with them, (B, N), and `labels`, (B,)."""
        return dict(self._collator([self.rows[index] for index in indices]))

    def sample(self, step: int, size: int, seed: int, by_length: bool = False) -> dict[str, Tensor]:
        """The batch of a training step; epochs are permutations of the rows, each with its own seed.

        Args:
            step: the step, from 0.
            size: the rows of a step.
            seed: of the permutations.
            by_length: whether the rows of several steps are dealt out by their length, so that a batch has little
                padding; which of these batches comes when is drawn.
        """
        if not by_length:
            return self.batch(rows_at(step, size, len(self), seed))
        first, place = step // _SORTED * _SORTED, step % _SORTED
        drawn = [row for each in range(first, first + _SORTED) for row in rows_at(each, size, len(self), seed)]
        drawn.sort(key=lambda row: self.lengths[row])
        batch = random.Random(f"{seed}/{first}").sample(range(_SORTED), _SORTED)[place]
        return self.batch(drawn[batch * size : (batch + 1) * size])


def make_classifier(model: AutoBertZeroPreTrainedModel, task: Task, seed: int) -> AutoBertZeroForSequenceClassification:
    """A classifier for a task, with a copy of a model's weights.

    The weights of pooler and classifier depend on the sizes and the seed alone, so that different backbones start with
    the same; the model's own pooler is not taken over, nor what its head has.

    Args:
        model: any model of this package, such as a masked-LM model; not changed.
        task: its classes, or its one number, are the outputs.
        seed: of the new weights.
    """
    config = AutoBertZeroConfig(**{**model.config.to_dict(), **task.head})
    # Nothing is drawn that the model's weights replace.
    with torch.device("meta"), no_init_weights():
        classifier = AutoBertZeroForSequenceClassification(config)
    base = classifier.base_model_prefix
    shared = {
        f"{base}.{name}": torch.nn.Parameter(weight.detach().clone())
        for name, weight in model.base_model.named_parameters()
        if not name.startswith("pooler.")
    }
    classifier.load_state_dict(shared, assign=True, strict=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Pooler and classifier, and the transformation before it where the block has one.
        pooler: Any = classifier.base_model.pooler
        new = [pooler, *(part for name, part in classifier.named_children() if name != base)]
        for part in new:
            part.to_empty(device="cpu").apply(classifier._init_weights).to(model.device)
    return classifier


def fine_tune(
    model: PreTrainedModel,
    rows: TaskRows,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    autocast: Callable[[], AbstractContextManager],
    after_step: Callable[[int], None] | None = None,
    by_length: bool = False,
) -> None:
    """Fine-tune a classifier in place; the result depends on the arguments alone.

    Args:
        model: a classifier for the rows' task.
        rows: the training rows.
        steps: how many steps.
        batch_size: B.
        learning_rate: the peak.
        seed: of the order of the rows, and of the dropout.
        autocast: makes the context that a forward pass runs in.
        after_step: called with the number of steps done.
        by_length: whether batches are of texts of about the same length.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """

    def batch(step: int) -> dict[str, Tensor]:
        return rows.sample(step, batch_size, seed, by_length)

    train(model, batch, steps, learning_rate, seed, autocast, after_step)


@torch.no_grad()
def predict(model: PreTrainedModel, rows: TaskRows, batch_size: int = 64) -> NDArray[np.float32]:
    """A classifier's outputs for rows, in the order of the rows: (R, L); for `Task.score`.

    Args:
        model: a classifier, on any device; its mode is restored.
        rows: the rows, usually those to score on.
        batch_size: the rows of a forward pass.

    Raises:
        FloatingPointError: if an output is not finite.
    """
    training = model.training
    model.eval()
    # Rows of about the same length share a batch, for little padding.
    order = sorted(range(len(rows)), key=lambda row: rows.lengths[row])
    parts = []
    try:
        for start in range(0, len(rows), batch_size):
            places = order[start : start + batch_size]
            batch = {name: tensor.to(model.device) for name, tensor in rows.batch(places).items() if name != "labels"}
            parts.append(model(**batch).logits.float().cpu().numpy())
    finally:
        model.train(training)
    logits = np.concatenate(parts)
    if not np.isfinite(logits).all():
        raise FloatingPointError("the model's outputs are not finite")
    return logits[np.argsort(order)]
