"""Text that a tokenizer does not know: protein-like words of 300 letters, and Thai, which has no spaces."""

import logging
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.unknown_tokens import Tokens
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.encoding import encode_texts
from autobert_zero_hf.tasks.spans import SpanOptions, encode_spans
from autobert_zero_hf.tasks.squad import span_task
from autobert_zero_hf.tasks.task import Task
from autobert_zero_hf.training.pretraining.data import Examples
from autobert_zero_hf.training.pretraining.options import PreTrainingOptions
from autobert_zero_hf.training.pretraining.training import pretrain
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm
from tests.training.pretraining.test_pretraining import TINY

WORD_PIECES = {**TINY, "vocabulary": "wordpiece"}
LONG = "such as 'MKVLAAGIVG"
THAI = ["ภาษาไทยเขียนติดกันโดยไม่มีช่องว่างระหว่างคำ", "วันนี้อากาศดีมากเราจึงออกไปเดินเล่นที่สวนสาธารณะ"]


def proteins(number: int) -> list[str]:
    rng = random.Random(0)
    return ["MKVLAAGIVG" + "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=290)) for _ in range(number)]


def packed(texts: list[str], tokenizer: BertTokenizer, length: int = 12) -> Dataset:
    return pack(Dataset.from_dict({"text": texts}), tokenizer, length)


def test_known_and_unknown_tokens_are_counted(documents: Dataset, tokenizer: BertTokenizer) -> None:
    news = list(documents["text"][:20])
    mixed = [text for pair in zip(news, proteins(20), strict=True) for text in pair]
    rows = packed(mixed, tokenizer)
    tokens = Tokens.of_rows(rows, tokenizer)
    ids = rows[:]["input_ids"].numpy()
    special = np.isin(ids, tokenizer.all_special_ids)
    assert tokens.unknown == (ids == tokenizer.unk_token_id).sum() == 19, "the last one is left over"
    assert tokens.by_row.tolist() == (~special).sum(-1).tolist()
    assert tokens.words == (~special).sum()
    assert Tokens.sum([tokens, tokens]).share == tokens.share == 19 / (19 + tokens.words)
    assert tokens.warning(mixed, tokenizer, "...") is None, "few"
    # Rows of any length, and texts, whose beginnings are looked at.
    uneven = Dataset.from_dict({"input_ids": [[], [tokenizer.unk_token_id, 999], [999]]})
    counted = Tokens.of_rows(uneven, tokenizer)
    assert (counted.words, counted.unknown, counted.by_row.tolist()) == (2, 1, [0, 1, 1])
    of_texts = Tokens.of_texts(["the " * 100_000, proteins(1)[0]], tokenizer)
    assert (of_texts.words, of_texts.unknown) == (5000, 1)
    assert Tokens.of_texts([], tokenizer).share == 0


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (proteins(3), f"all of the tokens are [UNK], from which nothing is learnt, {LONG}"),
        (["the news " * 5, *THAI], "2 of 12"),
    ],
)
def test_what_is_not_known_is_said_with_an_example(texts: list[str], said: str, tokenizer: BertTokenizer) -> None:
    warning = Tokens.of_texts(texts, tokenizer).warning(texts, tokenizer, "give another")
    assert warning is not None
    if said == "2 of 12":
        said = "17% of the tokens are [UNK], from which nothing is learnt, such as 'ภาษาไทยเขียนติดกันโด"
        assert "some of whose letters the vocabulary lacks" in warning
    else:
        assert "of 300 letters, of which the tokenizer takes 100 in a word" in warning
    assert warning.startswith(said)
    assert warning.endswith("or give another") and len(warning) < 400


def test_a_row_of_unknown_tokens_is_never_asked_for(
    documents: Dataset, tokenizer: BertTokenizer, tiny_config: AutoBertZeroConfig
) -> None:
    rows = packed([*proteins(60), documents["text"][0]], tokenizer)
    empty = Tokens.of_rows(rows, tokenizer).by_row == 0
    assert 5 < empty.sum() < len(rows)
    masked = MaskedRows(rows, tokenizer)
    nothing = masked.batch([0, 1, 2], seed=0)
    assert empty[:3].all() and (nothing.labels == -100).all()
    assert torch.equal(nothing.input_ids, rows[:3]["input_ids"])
    score = evaluate_masked_lm(AutoBertZeroForMaskedLM(tiny_config), nothing)
    assert math.isnan(score.value) and score.standard_error is None, "neither right nor wrong"
    # A batch of training asks for something, though half of the rows, which are drawn alone, have nothing.
    for step in range(len(rows)):
        batch = masked.sample(step, 1, seed=3)
        asked = batch.labels[batch.labels != -100]
        assert len(asked) and not set(asked.tolist()) & set(tokenizer.all_special_ids)
    with pytest.raises(ValueError, match="no row has a word to mask"):
        MaskedRows(rows.select(range(3)), tokenizer).sample(0, 2, seed=0)


def test_the_word_that_a_batch_has_at_least_is_no_special_token(tokenizer: BertTokenizer) -> None:
    cls_id, sep_id, unk_id = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.unk_token_id
    rows = Dataset.from_dict({"input_ids": [[cls_id, unk_id, sep_id, sep_id], [cls_id, sep_id, 700, sep_id]]})
    batch = MaskedRows(rows.with_format("torch"), tokenizer, probability=1e-6).batch([0, 1], seed=0)
    assert (batch.labels != -100).nonzero().tolist() == [[1, 2]]
    assert (batch.labels[1, 2], batch.input_ids[1, 2]) == (700, tokenizer.mask_token_id)


def test_masking_leaves_such_a_row_alone(tokenizer: BertTokenizer) -> None:
    masking = Masking(tokenizer)
    row = np.array([tokenizer.cls_token_id, tokenizer.unk_token_id, tokenizer.sep_token_id])
    assert not masking.finds_words(row)
    input_ids, labels = masking(row, np.random.default_rng(0))
    assert (input_ids == row).all() and (labels == -100).all()


def test_a_pair_has_a_word_to_mask(tokenizer: BertTokenizer) -> None:
    unk_id = tokenizer.unk_token_id
    examples = Examples(tokenizer, 12, Masking(tokenizer), next_sentence=True, seed=0)
    # Its first segment is unknown, and half of the pairs go on with another's.
    row = {"input_ids": [unk_id, unk_id, 700, 701], "ends": [2, 4], "document": 0}
    other = {"input_ids": [unk_id] * 4, "ends": [4], "document": 1}
    for place in range(20):
        assert (examples.make(row, place, lambda _: other)["labels"] != -100).any()


def write(folder: Path, texts: list[str]) -> str:
    (folder / "text.txt").write_text("\n\n".join(texts), encoding="utf-8")
    return str(folder / "text.txt")


@pytest.mark.parametrize(
    ("texts", "length", "reason"),
    [
        (proteins(300), 12, f"the rows to train on have no word to mask: all of the tokens are .UNK., .*{LONG}"),
        (proteins(30), 64, f"0 rows to train on and 0 held-out rows of 64 tokens, .* needed: all of the .*{LONG}"),
    ],
)
def test_pre_training_on_nothing_is_refused(texts: list[str], length: int, reason: str, tmp_path: Path) -> None:
    options = PreTrainingOptions(text=[write(tmp_path, texts)], **{**WORD_PIECES, "sequence_length": length})
    with pytest.raises(AutoBertZeroError, match=reason):
        pretrain(tmp_path / "model", options)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("changes", [{}, {"next_sentence": True}, {"streaming": True, "text": []}])
def test_pre_training_leaves_such_rows_out_and_says_so(
    changes: dict[str, Any], documents: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = list(documents["text"][:12])
    # Documents of one unknown word each, a row for every 15 of them.
    mixed = [*texts[:10], *proteins(400), *texts[10:]]
    options = {**WORD_PIECES, "text": [write(tmp_path, mixed)], "batch_size": 1, "max_steps": 80, **changes}
    if "streaming" in changes:
        Dataset.from_dict({"text": mixed}).to_json(tmp_path / "train.jsonl")
        options |= {"dataset": str(tmp_path), "validation_text": [write(tmp_path, mixed)]}
    with caplog.at_level(logging.WARNING):
        facts = pretrain(tmp_path / "model", PreTrainingOptions(**options))
    (said,) = [record.getMessage() for record in caplog.records if "[UNK]" in record.getMessage()]
    assert LONG in said and said.endswith("or give --vocabulary bpe, or a --tokenizer that knows them")
    assert all(np.isfinite(loss) for _, loss in facts["loss_curve"])
    assert facts["masked_words"] > 0 and facts["accuracy"] < 1


def test_ordinary_text_is_not_spoken_of(documents: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = PreTrainingOptions(text=[write(tmp_path, list(documents["text"][:40]))], **{**TINY, "max_steps": 1})
    with caplog.at_level(logging.WARNING):
        pretrain(tmp_path / "model", options)
    assert "[UNK]" not in caplog.text


def test_tasks_of_unknown_words_are_warned_of(documents: Dataset, tokenizer: BertTokenizer) -> None:
    def task(texts: list[str]) -> Task:
        rows = Dataset.from_dict({"text": texts, "label": [0, 1] * (len(texts) // 2)})
        return Task("families", rows, rows, ("a", "b"))

    news = list(documents["text"][:4])
    assert not [said for said in encode_texts(task(news), tokenizer, 64).warnings if "[UNK]" in said]
    for texts, share in ((proteins(4), "all"), ([*THAI, "a b c", "d e f"], "25%")):
        (said,) = encode_texts(task(texts), tokenizer, 64).warnings
        assert said.startswith(f"{share} of the tokens are [UNK]")
        assert said.endswith("take a model whose tokenizer knows them")
    answers = [{"text": [THAI[0][:4]], "answer_start": [0]}] * 2
    columns = {"id": ["1", "2"], "context": [THAI[0]] * 2, "question": ["what", "who"], "answers": answers}
    spans = span_task("questions", (columns, str), (columns, str))
    (said,) = encode_spans(spans, tokenizer, 64, SpanOptions()).warnings
    assert "of the tokens are [UNK]" in said
