"""Masking, on real text."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf.data.masking import Masking
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.errors import AutoBertZeroError


@pytest.fixture(scope="module")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> np.ndarray:
    """(R, N)"""
    return np.stack(list(pack(documents.select(range(40)), tokenizer, 64).with_format("numpy")["input_ids"][:]))


def masked(masking: Masking, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    each = [masking(row, np.random.default_rng([0, place])) for place, row in enumerate(rows)]
    return np.stack([one for one, _ in each]), np.stack([labels for _, labels in each])


@pytest.mark.parametrize("whole_words", [False, True])
def test_the_share_and_its_three_parts(rows: np.ndarray, tokenizer: BertTokenizer, whole_words: bool) -> None:
    input_ids, labels = masked(Masking(tokenizer, 0.15, whole_words), rows)
    asked = labels != -100
    ordinary = ~np.isin(rows, tokenizer.all_special_ids)
    assert not (asked & ~ordinary).any()
    assert (labels[asked] == rows[asked]).all()
    assert (input_ids[~asked] == rows[~asked]).all()
    assert asked.any(axis=1).all()
    # Some 3,000 words are asked for: three standard errors are less than 0.01 of the tokens, 0.03 of the words.
    assert asked.sum() / ordinary.sum() == pytest.approx(0.15, abs=0.01)
    hidden = input_ids[asked] == tokenizer.mask_token_id
    same = input_ids[asked] == rows[asked]
    assert hidden.mean() == pytest.approx(0.8, abs=0.03)
    assert same.mean() == pytest.approx(0.1 + 0.1 / len(tokenizer), abs=0.03)


def test_a_whole_word_is_masked_or_not(rows: np.ndarray, tokenizer: BertTokenizer) -> None:
    _, labels = masked(Masking(tokenizer, 0.15, whole_words=True), rows)
    _, single = masked(Masking(tokenizer, 0.15), rows)
    pieces = 0
    split = 0
    for row, whole, one in zip(rows, labels, single, strict=True):
        tokens = tokenizer.convert_ids_to_tokens(row.tolist())
        for place, token in enumerate(tokens):
            if token.startswith("##") and tokens[place - 1] not in tokenizer.all_special_tokens:
                pieces += 1
                assert (whole[place] == -100) == (whole[place - 1] == -100), tokens[place - 1 : place + 1]
                split += (one[place] == -100) != (one[place - 1] == -100)
    assert pieces > 1000
    assert split > 0.1 * pieces


def test_the_generator_alone_decides(rows: np.ndarray, tokenizer: BertTokenizer) -> None:
    masking = Masking(tokenizer, 0.15, whole_words=True)
    before = rows[0].copy()
    one, again, other = (masking(rows[0], np.random.default_rng(seed))[1] for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()
    assert (rows[0] == before).all()


def test_a_word_longer_than_the_share_is_asked_for_where_there_is_no_other(tokenizer: BertTokenizer) -> None:
    vocabulary = tokenizer.get_vocab()
    piece = next(number for token, number in vocabulary.items() if token.startswith("##"))
    row = np.array([tokenizer.cls_token_id, vocabulary["the"], piece, piece, tokenizer.sep_token_id])
    _, labels = Masking(tokenizer, 0.15, whole_words=True)(row, np.random.default_rng(0))
    assert (labels != -100).tolist() == [False, True, True, True, False]


def test_whole_words_need_pieces_of_words() -> None:
    letters = {token: number for number, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])}
    with pytest.raises(AutoBertZeroError, match="no entry of this vocabulary begins with"):
        Masking(BertTokenizer(vocab=letters), whole_words=True)
    tokenizer = BertTokenizer(vocab=letters)
    tokenizer.mask_token = None
    with pytest.raises(AutoBertZeroError, match="no mask token"):
        Masking(tokenizer)
