"""Pairs of texts, on real text."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf.data.corpus import CorpusError
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.next_sentence import ANOTHER, FOLLOWS, draw_pair, pack_segments, sentences
from autobert_zero_hf.training.pretraining.data import Examples, RowsByPlace

LENGTH = 64


@pytest.fixture(scope="module")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> Dataset:
    return pack_segments(documents.select(range(30)), tokenizer, LENGTH).with_format("numpy")


def test_rows_hold_whole_sentences_and_nothing_is_lost(
    rows: Dataset, documents: Dataset, tokenizer: BertTokenizer
) -> None:
    kinds = list(dict.fromkeys(row["document"].item() for row in rows))
    assert len(kinds) == 30
    for number in (0, 7):
        own = [row for row in rows if row["document"] == kinds[number]]
        encoded = [
            tokenizer(each, add_special_tokens=False)["input_ids"] for each in sentences(documents[number]["text"])
        ]
        joined = np.concatenate(encoded).tolist()
        assert np.concatenate([row["input_ids"] for row in own]).tolist() == joined
        ends = np.cumsum([len(each) for each in encoded]).tolist()
        starts = np.cumsum([0, *(len(row["input_ids"]) for row in own)]).tolist()
        cut = {start + end for start, row in zip(starts, own, strict=False) for end in row["ends"].tolist()}
        assert set(ends) <= cut
        # Beside the ends of sentences only those that are longer than half a row are cut.
        assert len(cut) - len(ends) == sum((len(each) - 1) // ((LENGTH - 3) // 2) for each in encoded)
    assert max(len(row["input_ids"]) for row in rows) <= LENGTH - 3


def test_half_of_the_pairs_belong_together(rows: Dataset) -> None:
    rng = np.random.default_rng(0)
    several = [row for row in rows if len(row["ends"]) > 1]
    labels = []
    for row in several:
        other = rows[int(rng.integers(len(rows)))]
        first, second, label = draw_pair(row, lambda other=other: other, LENGTH - 3, rng)
        assert len(first) > 0 and len(second) > 0
        labels.append(label)
        whole = row["input_ids"].tolist()
        assert len(first) in row["ends"] and whole[: len(first)] == first.tolist()
        if label == FOLLOWS:
            assert [*first, *second] == whole
        else:
            assert len(first) + len(second) <= len(whole)
            starts = [0, *other["ends"][:-1].tolist()]
            assert any(other["input_ids"][start : start + len(second)].tolist() == second.tolist() for start in starts)
    assert np.mean(labels) == pytest.approx(0.5, abs=3 * 0.5 / len(labels) ** 0.5)
    alone = {"input_ids": np.arange(9), "ends": np.array([9]), "document": 0}
    first, second, label = draw_pair(alone, lambda: rows[0], LENGTH - 3, rng)
    assert label == ANOTHER and len(first) + len(second) <= LENGTH - 3


def test_the_length_of_a_pair_does_not_tell_its_label(documents: Dataset, tokenizer: BertTokenizer) -> None:
    """A label that could be told without reading would teach the model nothing."""
    rows = pack_segments(documents, tokenizer, 128).with_format("numpy")
    rng = np.random.default_rng(0)
    lengths: dict[int, list[int]] = {FOLLOWS: [], ANOTHER: []}
    for row in rows:
        if len(row["ends"]) > 1:
            first, second, label = draw_pair(row, lambda: rows[int(rng.integers(len(rows)))], 125, rng)
            lengths[label].append(len(first) + len(second))
    follows, another = (np.array(lengths[label])[:, None] for label in (FOLLOWS, ANOTHER))
    limits = np.arange(10, 130, 5)
    # The best that can be told by a pair being longer, or shorter, than anything.
    told = ((follows > limits).mean(0) + (another <= limits).mean(0)) / 2
    assert max(told.max(), 1 - told.min()) < 0.65


def test_a_pair_as_the_model_takes_it(rows: Dataset, documents: Dataset, tokenizer: BertTokenizer) -> None:
    examples = Examples(tokenizer, LENGTH, Masking(tokenizer), next_sentence=True, seed=3)
    train = RowsByPlace(examples, rows, places=2 * len(rows))
    padded = 0
    for place in range(60):
        pair = train[place]
        assert {len(pair[name]) for name in ("input_ids", "labels", "token_type_ids", "attention_mask")} == {LENGTH}
        real = int(pair["attention_mask"].sum())
        padded += real < LENGTH
        asked = pair["labels"] != -100
        ids = pair["input_ids"].where(~asked, pair["labels"])
        (seam,) = (ids[: real - 1] == tokenizer.sep_token_id).nonzero().flatten().tolist()
        assert ids[0] == tokenizer.cls_token_id and ids[real - 1] == tokenizer.sep_token_id
        assert pair["token_type_ids"].tolist() == [0] * (seam + 1) + [1] * (real - seam - 1) + [0] * (LENGTH - real)
        assert (ids[real:] == tokenizer.pad_token_id).all() and not asked[real:].any()
        assert all((pair[name] == train[place][name]).all() for name in pair)
    assert padded


def test_the_other_text_is_of_another_document(rows: Dataset, tokenizer: BertTokenizer) -> None:
    # Two documents of different words.
    halves = rows.select([0, 1, len(rows) - 2, len(rows) - 1]).with_format(None)
    marked = Dataset.from_list(
        [{**row, "input_ids": [10 + row["document"] % 900] * len(row["input_ids"])} for row in halves]
    ).with_format("numpy")
    examples = Examples(tokenizer, LENGTH, Masking(tokenizer), next_sentence=True, seed=0)
    train = RowsByPlace(examples, marked, places=200)
    labels = set()
    for place in range(200):
        pair = train[place]
        words = pair["input_ids"].where(pair["labels"] == -100, pair["labels"])
        real = pair["attention_mask"].bool() & (words > 9)
        first, second = (set(words[real & (pair["token_type_ids"] == kind)].tolist()) for kind in (0, 1))
        label = pair["next_sentence_label"].item()
        assert (first == second) == (label == FOLLOWS)
        labels.add(label)
    assert labels == {FOLLOWS, ANOTHER}
    with pytest.raises(CorpusError, match="two documents at least"):
        RowsByPlace(examples, marked.select([0, 1]))
