"""Documents as rows of tokens of one length, or as whatever rows a training needs, cached by `datasets`.

Shapes: N tokens of a row.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from datasets import Dataset, IterableDataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase


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


def tokens_of(rows: Dataset) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The tokens of 1,000 rows at a time, one after another, and how many each row has: row by row takes far longer.

    Args:
        rows: with a column `input_ids`.
    """
    for table in rows.select_columns("input_ids").with_format("arrow").iter(batch_size=1000):
        column = table["input_ids"].combine_chunks()
        tokens, lengths = column.flatten(), column.value_lengths()
        yield tokens.to_numpy(zero_copy_only=False).astype(np.int64), lengths.to_numpy(zero_copy_only=False)
