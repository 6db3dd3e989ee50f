"""The rows of a task as tokens, with what a model's outputs for them are worth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..data.unknown_tokens import Tokens
from .metrics import Score
from .multi_label import MultiLabelTask
from .task import Task


@dataclass(frozen=True)
class ScoredRows:
    """The encoded rows that a task is scored on.

    Args:
        name: of the score.
        rows: the rows as tokens, not padded, with labels.
        count: how many texts or questions they are.
        baseline: the score of a constant answer.
        score: of a model's outputs for the rows, in their order.
    """

    name: str
    rows: Dataset
    count: int
    baseline: float
    score: Callable[[Any], Score]


@dataclass(frozen=True)
class EncodedTask:
    """A task whose texts are tokens.

    Args:
        train: the rows to train on, not padded, with labels.
        scored: the rows to score on; the first are those to choose by.
        warnings: what was done to the texts that their owner should know.
    """

    train: Dataset
    scored: tuple[ScoredRows, ...]
    warnings: tuple[str, ...]


def encode_texts(task: Task | MultiLabelTask, tokenizer: PreTrainedTokenizerBase, max_length: int) -> EncodedTask:
    """A task of labelled texts as tokens.

    Args:
        task: the task.
        tokenizer: the model's.
        max_length: tokens of a text, or of a pair; the rest is cut off.
    """
    train, cut = encode_counting(task.train, tokenizer, max_length)
    total, scored, tokens = len(task.train), [], [Tokens.of_rows(train, tokenizer)]
    for name, rows in {task.name: task.validation, **task.further}.items():
        encoded, more = encode_counting(rows, tokenizer, max_length)
        cut, total = cut + more, total + len(rows)
        tokens.append(Tokens.of_rows(encoded, tokenizer))
        # Rows of about the same length share a batch, for little padding.
        order = np.argsort([len(ids) for ids in encoded["input_ids"]], kind="stable")
        rows = rows.select(order)
        scored.append(ScoredRows(name, encoded.select(order), len(rows), task.baseline_of(rows), _scorer(task, rows)))
    warnings = [f"{cut:,} of {total:,} texts are longer than {max_length} tokens and are cut off there"] * bool(cut)
    texts = chain.from_iterable(task.train[name] for name in task.train.column_names if name != "label")
    warnings += unknown_in(Tokens.sum(tokens), texts, tokenizer)
    return EncodedTask(train, tuple(scored), tuple(warnings))


def unknown_in(tokens: Tokens, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The warning that a task's owner is given of tokens that the model does not know, if there are many."""
    said = tokens.warning(texts, tokenizer, "take a model whose tokenizer knows them")
    return [] if said is None else [said]


def _scorer(task: Task | MultiLabelTask, rows: Dataset) -> Callable[[Any], Score]:
    # Hidden states come along where the configuration asks for them.
    return lambda outputs: task.score(outputs[0] if isinstance(outputs, tuple) else outputs, rows)


def encode(rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
    """The texts, or pairs of texts, of a task's rows as tokens, not padded; `label` stays.

    Args:
        rows: rows of a `Task`.
        tokenizer: the model's.
        max_length: tokens of a row, special ones included; of a pair, the longer text is cut off first.
    """
    return encode_counting(rows, tokenizer, max_length)[0]


def encode_counting(rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> tuple[Dataset, int]:
    """Encodes rows as `encode` does, and counts those that were cut off."""
    texts = [name for name in ("text", "text_pair") if name in rows.column_names]
    cut = 0

    def tokens(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        nonlocal cut
        encoded = tokenizer(*(batch[name] for name in texts), truncation=True, max_length=max_length)
        cut += sum(bool(row.overflowing) for row in encoded.encodings or ())
        return dict(encoded)

    # A count of what is done must not come out of a cache.
    encoded = rows.map(tokens, batched=True, remove_columns=texts, load_from_cache_file=False)
    return encoded, cut
