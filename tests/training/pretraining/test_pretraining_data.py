"""What pre-training reads."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf.data.corpus import CorpusError
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.packing import tokens_of
from autobert_zero_hf.training.pretraining.data import (
    Examples,
    ReadingOptions,
    RowsByPlace,
    RowsOfStream,
    digest,
    read_documents,
)
from autobert_zero_hf.training.pretraining.held_out import word_frequencies
from autobert_zero_hf.training.shared_options import DataOptions


@pytest.fixture(scope="module")
def folder(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set as `load_dataset` reads it, in two splits."""
    place = tmp_path_factory.mktemp("data")
    documents.select(range(30)).to_json(place / "train.jsonl")
    documents.select(range(30, 50)).to_json(place / "validation.jsonl")
    return place


def original(example: dict[str, torch.Tensor]) -> tuple[int, ...]:
    """The row without its masks."""
    return tuple(example["input_ids"].where(example["labels"] == -100, example["labels"]).tolist())


def test_each_epoch_has_all_rows_in_an_order_of_its_own(documents: Dataset, tokenizer: BertTokenizer) -> None:
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence=False, seed=5)
    rows = examples.rows(documents.select(range(3)))
    train = RowsByPlace(examples, rows, places=2 * len(rows) + 3)
    seen = [train[place] for place in range(2 * len(rows))]
    first, second = [original(each) for each in seen[: len(rows)]], [original(each) for each in seen[len(rows) :]]
    assert first != second
    assert sorted(first) == sorted(second) == sorted(tuple(row["input_ids"].tolist()) for row in rows)
    again = {original(each): each["labels"] for each in seen[len(rows) :]}
    assert any((each["labels"] != again[original(each)]).any() for each in seen[: len(rows)])
    # Whatever was looked at before.
    other = RowsByPlace(examples, rows, places=2 * len(rows) + 3)[len(rows) + 1]
    assert torch.equal(other["input_ids"], seen[len(rows) + 1]["input_ids"])
    assert [original(each) for each in map(RowsByPlace(examples, rows).__getitem__, range(len(rows)))] == [
        tuple(row["input_ids"].tolist()) for row in rows
    ]


@pytest.mark.parametrize("next_sentence", [False, True])
def test_a_stream_gives_the_rows_of_its_documents_again_and_again(
    folder: Path, tokenizer: BertTokenizer, next_sentence: bool
) -> None:
    data, reading = DataOptions(dataset=str(folder)), ReadingOptions(streaming=True, validation_split="validation")
    streamed, read = (
        read_documents(data, reading, 0),
        read_documents(data, ReadingOptions(validation_split="validation"), 0),
    )
    assert list(streamed.held_out["text"]) == list(read.held_out["text"])
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence, seed=5)
    rows = examples.rows(read.train)
    stream = RowsOfStream(examples, streamed.train)
    one, two = (list(islice(stream, len(rows) + 40)) for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for a, b in zip(one, two, strict=True) for name in a)
    if not next_sentence:  # the documents are packed in another order, so rows begin elsewhere
        words = {word for row in rows for word in row["input_ids"].tolist()}
        assert {word for example in one for word in original(example)} <= words
        assert len({original(example) for example in one}) > len(rows)
    else:
        assert 0.3 < sum(example["next_sentence_label"].item() for example in one) / len(one) < 0.8


def test_a_document_of_a_stream_is_known_again_in_another_order(folder: Path, tokenizer: BertTokenizer) -> None:
    """So that the other text of a pair is another's, also where a short stream is at hand several times over."""
    data, reading = DataOptions(dataset=str(folder)), ReadingOptions(streaming=True, validation_split="validation")
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence=True, seed=5)
    stream = examples.rows(read_documents(data, reading, 0).train.shuffle(seed=1, buffer_size=100))
    documents: list[dict[tuple[int, ...], int]] = []
    for epoch in range(2):
        stream.set_epoch(epoch)
        documents.append({tuple(row["input_ids"]): row["document"] for row in stream})
    assert list(documents[0]) != list(documents[1])
    assert documents[0] == documents[1]


def test_the_head_of_a_stream_is_held_out(documents: Dataset, tmp_path: Path) -> None:
    many = [{"text": f"Document {number} of a text."} for number in range(1005)]
    Dataset.from_list(many).to_json(tmp_path / "train.jsonl")
    got = read_documents(DataOptions(dataset=str(tmp_path)), ReadingOptions(streaming=True), 0)
    assert len(got.held_out) == 1000
    assert [row["text"] for row in got.train] == [row["text"] for row in many[1000:]]
    assert len(got.for_tokenizer) == 5
    Dataset.from_list(many[:900]).to_json(tmp_path / "train.jsonl")
    with pytest.raises(CorpusError, match="no documents are left"):
        read_documents(DataOptions(dataset=str(tmp_path)), ReadingOptions(streaming=True), 0)


def test_what_does_not_go_together_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(f"Line {number}." for number in range(12)))
    text, dataset = DataOptions(text=[str(tmp_path / "text.txt")]), DataOptions(dataset=str(folder))
    for data, reading, reason in (
        (text, ReadingOptions(streaming=True), "--streaming goes with --dataset alone"),
        (text, ReadingOptions(validation_split="test"), "--validation-split goes with --dataset"),
        (dataset, ReadingOptions(validation_split="test"), "cannot load the data set"),
        (dataset, ReadingOptions(validation_split="a", validation_text=["b"]), "not both"),
        (text, ReadingOptions(validation_text=["none.txt"]), "no such file"),
    ):
        with pytest.raises(CorpusError, match=reason):
            read_documents(data, reading, 0)
    got = read_documents(text, ReadingOptions(validation_text=[str(tmp_path / "text.txt")]), 0)
    assert len(got.train) == len(got.held_out) == 12


def test_the_tokens_of_many_rows_are_those_of_each() -> None:
    """More rows than are read at a time, of any length."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 50, size=length).tolist() for length in rng.integers(0, 9, size=2500)]
    for dataset in (
        Dataset.from_dict({"input_ids": rows}),
        Dataset.from_dict({"input_ids": rows}).with_format("torch"),
    ):
        several = list(tokens_of(dataset.select(range(1, 2500))))
        assert len(several) > 1
        tokens, lengths = (np.concatenate(each).tolist() for each in zip(*several, strict=True))
        assert tokens == [token for row in rows[1:] for token in row]
        assert lengths == [len(row) for row in rows[1:]]
        counts = np.bincount([token for row in rows for token in row], minlength=60) + 1
        assert word_frequencies(dataset, 60).tolist() == (counts / counts.sum()).tolist()


def test_the_digest_tells_texts_apart(documents: Dataset, tokenizer: BertTokenizer) -> None:
    examples = Examples(tokenizer, 32, Masking(tokenizer), next_sentence=False, seed=5)
    one, again, other = (examples.rows(documents.select(range(*part))) for part in ((3,), (3,), (1, 4)))
    assert digest(one) == digest(again) != digest(other)
