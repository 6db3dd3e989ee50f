"""Tasks that give each word a tag, such as entities and parts of speech: the task, its encoding, its scores.

Shapes: R rows, N tokens of the longest row, T tags.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from seqeval.metrics.sequence_labeling import get_entities
from transformers import PreTrainedTokenizerBase

from ..data.unknown_tokens import Tokens
from ..errors import AutoBertZeroError
from .counted_score import EntityF1, WordAccuracy
from .encoding import EncodedTask, ScoredRows, unknown_in
from .task import check_validation, names_in_head

_OUTSIDE = "O"
_OF_ENTITY = re.compile(r"[BIESLU]-.+")
_IGNORED = -100  # what the loss of transformers leaves out
_NONE = -1


@dataclass(frozen=True)
class TokenTask:
    """Words with a tag each: columns `words`, the texts, and `tags`, places among the names of the tags.

    Args:
        name: what the task is asked for by.
        train: the rows to train on.
        validation: the rows to score on.
        labels: the names of the tags.
        further: more rows that are scored, not chosen by, by the name of their score.
        dataset: where it is from: a data set of the Hub and its configuration; none for local files.
        reading: how the rows were read, for `result.json`.

    Raises:
        TaskError: if there are fewer than two validation rows.
    """

    name: str
    train: Dataset
    validation: Dataset
    labels: tuple[str, ...]
    further: Mapping[str, Dataset] = field(default_factory=dict)
    dataset: tuple[str, str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_validation(self.name, self.validation)

    @property
    def has_entities(self) -> bool:
        """Whether the tags mark entities (B-PER, I-PER, ..., O), which are scored as wholes."""
        return any(map(_OF_ENTITY.fullmatch, self.labels)) and all(
            name == _OUTSIDE or _OF_ENTITY.fullmatch(name) for name in self.labels
        )

    @property
    def metric(self) -> type[EntityF1 | WordAccuracy]:
        """What the task is scored by."""
        return EntityF1 if self.has_entities else WordAccuracy

    @property
    def head(self) -> dict[str, Any]:
        """The fields of a classifier's configuration that follow from the task."""
        return names_in_head(self.labels)

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says of the task besides."""
        return {}

    @property
    def constant(self) -> int:
        """What to answer without reading: O for entities, else the most frequent tag of the training rows."""
        if self.has_entities and _OUTSIDE in self.labels:
            return self.labels.index(_OUTSIDE)
        return int(np.bincount(np.concatenate(self.train["tags"][:])).argmax())

    @property
    def constant_answer(self) -> str:
        """What `constant` is, in words."""
        return f"always {self.labels[self.constant]}"

    @property
    def baseline(self) -> float:
        """The score of always answering `constant`: of O everywhere, 0."""
        return self.baseline_of(self.validation)

    def baseline_of(self, rows: Dataset) -> float:
        """The baseline on other rows."""
        return self.score([np.full(len(tags), self.constant) for tags in rows["tags"]], rows).value

    def score(self, tags: Sequence[NDArray[np.int64]], rows: Dataset | None = None) -> EntityF1 | WordAccuracy:
        """How good tags are.

        Args:
            tags: of the words of each row, places among the names; -1 for a word that has none, which is outside of
                entities, or wrong.
            rows: those of `further`, say; by default the validation rows.
        """
        rows = self.validation if rows is None else rows
        wanted = rows["tags"][:]
        if not self.has_entities:
            right = [int((one == np.array(two)).sum()) for one, two in zip(tags, wanted, strict=True)]
            return WordAccuracy(np.stack([right, list(map(len, wanted))], axis=1))
        counts = []
        for one, two in zip(tags, wanted, strict=True):
            given, real = self._entities(one), self._entities(two)
            counts.append((len(given & real), len(given), len(real)))
        return EntityF1(np.array(counts))

    def _entities(self, tags: Sequence[int] | NDArray[np.int64]) -> set[tuple[str, int, int]]:
        """The entities of a row: their kinds, first and last words, where B begins one, and so does I after another."""
        return set(get_entities([_OUTSIDE if tag == _NONE else self.labels[tag] for tag in tags]))


def encode_words(task: TokenTask, tokenizer: PreTrainedTokenizerBase, max_length: int) -> EncodedTask:
    """A task of words with tags as tokens: the first token of a word has its tag, the others are left out of the loss.

    Args:
        task: the task.
        tokenizer: the model's; a fast one that pads on the right.
        max_length: tokens of a row; the rest is cut off, and its words have no answer.

    Raises:
        AutoBertZeroError: if the tokenizer is of another kind; a fast one alone says where a token stands.
    """
    if not tokenizer.is_fast or tokenizer.padding_side != "right":
        raise AutoBertZeroError("tags of words need a fast tokenizer that pads on the right; this one is not")
    train = _tokens(task.train, tokenizer, max_length)
    parts, scored = [train], []
    for name, rows in {task.name: task.validation, **task.further}.items():
        encoded = _tokens(rows, tokenizer, max_length)
        parts.append(encoded)
        # Rows of about the same length share a batch, for little padding.
        order = np.argsort([len(ids) for ids in encoded["input_ids"]], kind="stable")
        scored.append(_scored(task, name, rows.select(order), encoded.select(order)))
    lost = sum(place == _NONE for part in parts for places in part["places"] for place in places)
    total = sum(len(places) for part in parts for places in part["places"])
    warnings = [
        f"{lost:,} of {total:,} words are beyond the {max_length} tokens of a row (--max-length) or nothing to the "
        "tokenizer: they are not learnt, and count as not found"
    ] * bool(lost)
    texts = (" ".join(words) for words in task.train["words"])
    warnings += unknown_in(Tokens.sum(Tokens.of_rows(part, tokenizer) for part in parts), texts, tokenizer)
    return EncodedTask(train.remove_columns("places"), tuple(scored), tuple(warnings))


def _tokens(rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
    """The rows as tokens with `labels`, and `places`: of each word its first token, -1 where it has none.

    The words are put together to a text, with spaces, as a pipeline is given it later: some tokenizers have other
    tokens for a word that stands alone.
    """

    def tokens(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        texts = [" ".join(words) for words in batch["words"]]
        encoded = tokenizer(texts, truncation=True, max_length=max_length, return_offsets_mapping=True)
        spans = encoded.pop("offset_mapping")
        found: dict[str, list[Any]] = {**encoded, "labels": [], "places": []}
        for words, tags, offsets in zip(batch["words"], batch["tags"], spans, strict=True):
            places = _first_tokens(words, np.array(offsets))
            labels = np.full(len(offsets), _IGNORED)
            labels[places[places != _NONE]] = np.array(tags)[places != _NONE]
            found["labels"].append(labels.tolist())
            found["places"].append(places.tolist())
        return found

    return rows.map(tokens, batched=True, remove_columns=rows.column_names)


def _first_tokens(words: Sequence[str], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first token of each word, -1 where it has none, by the characters of the tokens, (N, 2)."""
    lengths = np.array(list(map(len, words)))
    ends = np.cumsum(lengths + 1) - 1
    # (N,) the word that a token begins in, or before.
    of_word = np.searchsorted(ends, offsets[:, 0], side="right")
    begins = np.append(ends - lengths, np.iinfo(np.int64).max)[of_word]
    (real,) = np.nonzero((offsets[:, 0] < offsets[:, 1]) & (begins < offsets[:, 1]))
    found, first = np.unique(of_word[real], return_index=True)
    places = np.full(len(words), _NONE)
    places[found] = real[first]
    return places


def _scored(task: TokenTask, name: str, rows: Dataset, encoded: Dataset) -> ScoredRows:
    places = [np.array(each, dtype=np.int64) for each in encoded["places"]]

    def score(outputs: Any) -> EntityF1 | WordAccuracy:
        # (R, N); hidden states come along where the configuration asks for them.
        best = (outputs[0] if isinstance(outputs, tuple) else outputs).argmax(-1)
        tags = [np.where(each == _NONE, _NONE, row[each]) for row, each in zip(best, places, strict=True)]
        return task.score(tags, rows)

    return ScoredRows(name, encoded.remove_columns("places"), len(rows), task.baseline_of(rows), score)
