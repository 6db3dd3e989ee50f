"""Local attention, against attention token by token."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.local_attention import local_attention, near
from tests.graphs import LargestTensor

from .masks import random_mask


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 100), st.booleans(), st.integers(0, 2**31))
def test_local_attention_is_attention_under_a_band(tokens: int, reach: int, padded: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (torch.randn(2, 3, tokens, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    mask = random_mask(2, tokens, generator) if padded else None
    found = local_attention(query, key, value, reach, mask, 0.0, 0.3)
    real = torch.ones(2, tokens, dtype=torch.bool) if mask is None else mask
    for row in range(2):
        for token in np.flatnonzero(real[row].numpy()):
            seen = [t for t in range(max(0, token - reach), min(tokens, token + reach + 1)) if real[row, t]]
            scores = 0.3 * torch.einsum("hd,htd->ht", query[row, :, token], key[row][:, seen])
            wanted = torch.einsum("ht,htd->hd", scores.softmax(-1), value[row][:, seen])
            torch.testing.assert_close(found[row, :, token], wanted)
    assert torch.isfinite(found).all()


def test_near_tokens_alone_are_seen() -> None:
    mask = torch.tensor([[True, True, True, False]])
    seen = near(4, 1, mask, mask.device)[0, 0]
    assert seen.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, True, True, False],
        [False, False, True, True],
    ]


def test_a_window_makes_no_matrix_of_all_tokens() -> None:
    config = AutoBertZeroConfig(
        layers=[f"window(8, {BERT_ATTENTION})"], hidden_size=16, num_attention_heads=4, intermediate_size=16,
        vocab_size=30, max_position_embeddings=1024,
    )  # fmt: skip
    model = AutoBertZeroModel(config).eval()
    ids = torch.ones(1, 1024, dtype=torch.long)
    with LargestTensor() as largest, torch.no_grad():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    assert largest.numel <= 4 * 1024 * 64
    model.set_attn_implementation("eager")
    with LargestTensor() as whole, torch.no_grad():
        model(input_ids=ids)
    assert whole.numel == 4 * 1024 * 1024


@pytest.mark.parametrize("formula", [AUTOBERT_ZERO[1], AUTOBERT_ZERO[3], AUTOBERT_ZERO[9]])
def test_a_window_holds_any_formula_of_attentions(formula: str) -> None:
    layer = parse_layer(f"window( 3 , {formula} )")
    assert str(layer) == f"window(3, {formula})"
    assert parse_layer(f"window(4, {formula})").identity != layer.identity
