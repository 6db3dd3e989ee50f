"""Next-sentence prediction (Devlin et al. 2019, section 3.1): pairs of segments, half of which belong together.

Shapes: N tokens of a row.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from datasets import Dataset, IterableDataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from .packing import map_documents

FOLLOWS, ANOTHER = 0, 1
"""The labels, as `BertForNextSentencePrediction` has them: the second text goes on from the first, or is another."""

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")

Row = Mapping[str, Any]
"""A run of segments of one document: `input_ids`, where each segment `ends`, and a number for the `document`."""


def sentences(text: str) -> list[str]:
    """The lines of a text, cut behind full stops, question and exclamation marks that white space follows.

    >>> sentences("One. Is it two?\\nThree")
    ['One.', 'Is it two?', 'Three']
    """
    return [sentence for sentence in _SENTENCE_ENDS.split(text.strip()) if sentence]


def pack_segments(
    documents: Dataset | IterableDataset, tokenizer: PreTrainedTokenizerBase, length: int
) -> Dataset | IterableDataset:
    """Documents as runs of whole sentences that fill a row, special tokens aside; no run reaches over a document's end.

    Args:
        documents: a data set with a column `text`.
        tokenizer: the tokenizer.
        length: N; a sentence that is longer than half a row is cut.

    Returns:
        A data set of `Row`.
    """
    body = length - 3  # [CLS] A [SEP] B [SEP]

    def rows(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
        packed: dict[str, list[Any]] = {"input_ids": [], "ends": [], "document": []}
        for text in batch["text"]:
            # Its text, because a stream that is read again in another order has other places.
            document = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
            segments = sentences(text)
            encoded = tokenizer(segments, add_special_tokens=False, verbose=False)["input_ids"] if segments else []
            for ids, ends in _runs(encoded, body):
                packed["input_ids"].append(ids)
                packed["ends"].append(ends)
                packed["document"].append(document)
        return packed

    return map_documents(documents, tokenizer, rows, f"segments of {length} tokens, version 2")


def _runs(segments: list[list[int]], body: int) -> Iterator[tuple[list[int], list[int]]]:
    half = body // 2
    ids: list[int] = []
    ends: list[int] = []
    for segment in segments:
        for start in range(0, len(segment), half):
            piece = segment[start : start + half]
            if len(ids) + len(piece) > body:
                yield ids, ends
                ids, ends = [], []
            ids = ids + piece
            ends = [*ends, len(ids)]
    if ids:
        yield ids, ends


def draw_pair(
    row: Row, draw_other: Callable[[], Row], body: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Two texts: what a row begins with, and in half of the cases what it goes on with, else a run of another document.

    A row of one segment has nothing to go on with; its second text is another's, as in BERT's own code.

    Args:
        row: where the first text comes from; it ends at one of the row's segments, drawn evenly.
        draw_other: draws a row of another document; the second text is a run of its segments, about as long as what it
            stands in for, because otherwise the length of a pair would tell its label.
        body: the tokens of both texts at most.
        rng: what is drawn from.

    Returns:
        The tokens of both, without special ones, and the label.
    """
    ids, ends = np.asarray(row["input_ids"]), row["ends"]
    if len(ends) == 1:
        return ids, _run_of(draw_other(), body - len(ids), rng), ANOTHER
    cut = ends[rng.integers(len(ends) - 1)]
    if rng.random() < 0.5:
        return ids[:cut], ids[cut:], FOLLOWS
    return ids[:cut], _run_of(draw_other(), len(ids) - cut, rng), ANOTHER


def _run_of(row: Row, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The longest run of a row's segments of so many tokens at most; where each is longer, what one begins with."""
    ids, bounds = np.asarray(row["input_ids"]), np.array([0, *row["ends"]])
    lengths = bounds - bounds[:, None]  # (segment that a run begins with, segment that it ends before)
    lengths[lengths > most] = 0
    begin, end = np.unravel_index(lengths.argmax(), lengths.shape)
    if lengths[begin, end] > 0:
        return ids[bounds[begin] : bounds[end]]
    start = bounds[rng.integers(len(bounds) - 1)]
    return ids[start : start + most]
