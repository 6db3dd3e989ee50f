"""Text as an encoder that is made faster sees it: rows without padding, and sentences of their own lengths.

Shapes: R rows, B sentences of a batch, N tokens.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from .quality import padded

_FEWEST = 3
"""Tokens of a sentence at least, the special ones not counted."""
_AT_ONCE = 200
_SORTED = 32
"""Batches whose sentences are sorted by length together, so that less is padding."""
_SHORT = 128
"""Tokens of a row up to which sentences do for all texts."""


def sentences_of(
    documents: Dataset, tokenizer: PreTrainedTokenizerBase, length: int, count: int, seed: str
) -> list[list[int]]:
    """The lines of documents as tokens, those that are too long in pieces.

    Args:
        documents: a data set with a column `text`.
        tokenizer: the encoder's.
        length: tokens of a sentence at most, the special ones counted.
        count: how many; fewer, where the documents have no more.
        seed: of their order.
    """
    cls_id, sep_id = tokenizer.cls_token_id, tokenizer.sep_token_id
    rng, found = random.Random(seed), list[list[int]]()
    order = list(range(len(documents)))
    rng.shuffle(order)
    for first in range(0, len(order), _AT_ONCE):
        texts = documents.select(order[first : first + _AT_ONCE])["text"]
        lines = [line for text in texts for line in text.splitlines() if line.strip()]
        if lines:
            encoded = tokenizer(lines, add_special_tokens=False, verbose=False)["input_ids"]
            for ids in encoded:
                pieces = (ids[start : start + length - 2] for start in range(0, len(ids), length - 2))
                found += ([cls_id, *piece, sep_id] for piece in pieces if len(piece) >= _FEWEST)
        if len(found) >= 2 * count:  # some more, so that not all are of few documents
            break
    rng.shuffle(found)
    return found[:count]


def batches_of(
    sentences: Sequence[Sequence[int]], rows: Dataset, size: int, steps: int, padding: int, seed: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches to train on: of sentences, and, where rows are long, every other one of rows with about as many tokens.

    What learnt from sentences alone is worse on long texts than on short ones.

    Args:
        sentences: their tokens.
        rows: packed, of R rows.
        size: sentences of a batch.
        steps: how many batches.
        padding: the token that fills up.
        seed: of the order.

    Yields:
        Tokens and which of them are real, (B, N) both.
    """
    kinds = [_batches_of_sentences(sentences, size, padding, random.Random(seed))]
    if (length := len(rows[0]["input_ids"])) > _SHORT:
        tokens = size * sum(map(len, sentences)) / len(sentences)
        kinds.append(_batches_of_rows(rows, max(1, round(tokens / length)), random.Random(f"{seed}/rows")))
    for step in range(steps):
        yield next(kinds[step % len(kinds)])


def _batches_of_sentences(
    sentences: Sequence[Sequence[int]], size: int, padding: int, rng: random.Random
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endlessly, sentences of like lengths together."""
    places = _shuffled(len(sentences), rng)
    while True:
        some = sorted(islice(places, size * _SORTED), key=lambda place: len(sentences[place]))
        groups = [some[first : first + size] for first in range(0, len(some), size)]
        rng.shuffle(groups)
        for group in groups:
            yield padded([sentences[place] for place in group], padding)


def _batches_of_rows(rows: Dataset, size: int, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """Endlessly, rows without padding."""
    places = _shuffled(len(rows), rng)
    while True:
        ids = torch.stack(list(rows.select(list(islice(places, size)))["input_ids"]))
        yield ids, torch.ones_like(ids)


def _shuffled(count: int, rng: random.Random) -> Iterator[int]:
    """Endlessly, all places in some order, and all again in another one."""
    order = list(range(count))
    while True:
        rng.shuffle(order)
        yield from order


def rows_of(packed: Dataset, count: int) -> Tensor:
    """Some packed rows, evenly spread, as one tensor (R, N)."""
    places = torch.linspace(0, len(packed) - 1, min(count, len(packed))).round().long().unique()
    rows: Tensor = packed.select(places.tolist())["input_ids"]
    return torch.stack(list(rows))
