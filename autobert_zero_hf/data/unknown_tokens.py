"""What a tokenizer makes [UNK] of: such a token is never masked, and tells a model nothing.

Shapes: R rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from .corpus import CorpusError
from .packing import tokens_of

_FEW = 0.03
"""The share of unknown tokens that is not worth a word."""
_LONGEST_TEXT = 20_000
_MOST_TEXTS = 1_000
_EXCERPT = 20


@dataclass(frozen=True)
class Tokens:
    """The tokens that a text became.

    Args:
        words: how many the tokenizer knows; special ones are not counted.
        unknown: how many are [UNK].
        by_row: of each row how many it knows, (R,).
    """

    words: int
    unknown: int
    by_row: NDArray[np.int64]

    @classmethod
    def of_rows(cls, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> "Tokens":
        """Counts the tokens of rows with a column `input_ids`."""
        return cls._of(tokens_of(rows), tokenizer)

    @classmethod
    def of_texts(cls, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> "Tokens":
        """Counts the tokens of texts, or of what the first 1,000 begin with."""
        ids = [tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in _beginnings(texts)]
        lengths = np.array(list(map(len, ids)), dtype=np.int64)
        return cls._of([(np.fromiter(chain.from_iterable(ids), dtype=np.int64), lengths)], tokenizer)

    @classmethod
    def _of(
        cls, batches: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], tokenizer: PreTrainedTokenizerBase
    ) -> "Tokens":
        unknown, by_row = 0, [np.empty(0, dtype=np.int64)]
        for ids, lengths in batches:
            places = np.repeat(np.arange(len(lengths)), lengths)
            known_to_it = ~np.isin(ids, tokenizer.all_special_ids)
            by_row.append(np.bincount(places[known_to_it], minlength=len(lengths)))
            if tokenizer.unk_token_id is not None:
                unknown += int((ids == tokenizer.unk_token_id).sum())
        known = np.concatenate(by_row)
        return cls(int(known.sum()), unknown, known)

    @classmethod
    def sum(cls, parts: Iterable["Tokens"]) -> "Tokens":
        """Adds up the counts of several parts of a text, one at least."""
        words, unknown, by_row = zip(*((each.words, each.unknown, each.by_row) for each in parts), strict=True)
        return cls(sum(words), sum(unknown), np.concatenate(by_row))

    @property
    def share(self) -> float:
        """The part of the text that is unknown, in tokens."""
        return self.unknown / max(1, self.words + self.unknown)

    def warning(self, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, way_out: str) -> str | None:
        """What to say of unknown tokens, with an example; None where there are few.

        Args:
            texts: what the tokens are of.
            tokenizer: what made them.
            way_out: what else than to change the texts can be done.
        """
        if self.share <= _FEW:
            return None
        percent = "all" if not self.words else f"{self.share:.0%}"
        return (
            f"{percent} of the tokens are {tokenizer.unk_token}, from which nothing is learnt"
            f"{_such_as(texts, tokenizer)}: write long words in pieces and a script without spaces in words, or "
            f"{way_out}"
        )


def nothing_to_mask(
    what: str, tokens: Tokens, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, way_out: str
) -> CorpusError:
    """The error of rows of which none has a word to mask.

    Args:
        what: the rows, in words.
        tokens: those of the rows; `warning` has the other arguments.
    """
    said = tokens.warning(texts, tokenizer, way_out) or "they hold special tokens alone: give more text"
    return CorpusError(f"{what} have no word to mask: {said}")


def with_words(rows: Dataset, tokens: Tokens) -> Dataset:
    """The rows, less those without a word to mask; `tokens` are those of the rows."""
    return rows if tokens.by_row.all() else rows.select(np.flatnonzero(tokens.by_row))


def _beginnings(texts: Iterable[str]) -> Iterator[str]:
    for text, _ in zip(texts, range(_MOST_TEXTS), strict=False):
        # A word that is cut in two would be two.
        yield text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rpartition(" ")[0] or text[:_LONGEST_TEXT]


def _such_as(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> str:
    """A word that is unknown, shortened, and why it is."""
    if not tokenizer.is_fast:  # which alone says where a token stands
        return ""
    for text in _beginnings(texts):
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            if token == tokenizer.unk_token_id:
                return f", such as {_excerpt(text[start:end], tokenizer)}"
    return ""


def _excerpt(word: str, tokenizer: PreTrainedTokenizerBase) -> str:
    limit = getattr(tokenizer.backend_tokenizer.model, "max_input_chars_per_word", None)
    shown = repr(word if len(word) <= _EXCERPT else f"{word[:_EXCERPT]}…")
    if limit is not None and len(word) > limit:
        return f"{shown} of {len(word):,} letters, of which the tokenizer takes {limit} in a word"
    return f"{shown}, some of whose letters the vocabulary lacks"
