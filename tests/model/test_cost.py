"""Operations counted by hand."""

from typing import Any

import pytest
import torch

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroModel
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.cost import (
    BaseSizes,
    embedding_parameters,
    layer_cost,
    masked_lm_parameters,
    model_parameters,
)
from autobert_zero_hf.model.layers import parse_layer


def mixer_operations(text: str, tokens: int, heads: int, head_dim: int) -> int:
    sizes = BaseSizes([], num_attention_heads=heads, head_dim=head_dim)
    return parse_layer(text).mixer.work(sizes, tokens).operations // tokens


def test_standard_attention() -> None:
    """Two products of N x D a head and token, a scale and a softmax of N scores."""
    assert mixer_operations(BERT_ATTENTION, 128, 12, 64) == 12 * (2 * 128 * 64 + 2 * 128)


def test_a_chain_costs_what_its_cheapest_order_costs() -> None:
    layer = "matmul(matmul(q, transpose(k)), v)"
    assert mixer_operations(layer, 1000, 12, 64) == 12 * 2 * 64 * 64
    assert mixer_operations(layer, 16, 12, 64) == 12 * 2 * 16 * 64


def test_queries_of_an_attention_count_too() -> None:
    """Scores q (k^T v) q^T: two products of D x D a token, then the attention's N x D, its softmax and N x D."""
    layer = "matmul(softmax(matmul(matmul(q, matmul(transpose(k), v)), transpose(q))), v)"
    assert mixer_operations(layer, 1000, 1, 64) == 2 * 64 * 64 + 1000 * 64 + 1000 + 1000 * 64


def test_a_convolution() -> None:
    assert mixer_operations("conv(9)", 128, 12, 64) == 9 * 768


@pytest.mark.parametrize("sizes", [{}, {"hidden_size": 20, "num_attention_heads": 3, "head_dim": 8}])
@pytest.mark.parametrize("text", [BERT_ATTENTION, "conv(65)", AUTOBERT_ZERO[3], "matmul(q, matmul(transpose(q), q))"])
def test_a_layer_costs_what_its_modules_have(text: str, sizes: dict[str, int]) -> None:
    config = AutoBertZeroConfig(layers=[text], **sizes)
    with torch.device("meta"):
        (layer,) = AutoBertZeroModel(config).layers
    cost = layer_cost(text, config, tokens=100)
    assert cost.parameters == sum(weight.numel() for weight in layer.parameters())
    linear = sum(module.weight.numel() for module in layer.modules() if isinstance(module, torch.nn.Linear))
    mixing = mixer_operations(text, 100, config.num_attention_heads, config.head_dim)
    assert cost.operations == linear + mixing
    assert (cost + cost).operations == 2 * cost.operations


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"hidden_size": 20, "num_attention_heads": 3, "head_dim": 8},
        {"embedding_size": 24, "type_vocab_size": 0},
        {"embedding_size": 768, "positions": "counted"},
        {"block": "modernbert"},
        {"block": "modernbert", "first_norm": True, "embedding_size": 24},
    ],
)
def test_the_parameters_of_a_whole_model(sizes: dict[str, Any]) -> None:
    config = AutoBertZeroConfig(layers=[BERT_ATTENTION, "conv(9)"], vocab_size=500, **sizes)
    with torch.device("meta"):
        assert masked_lm_parameters(config) == AutoBertZeroForMaskedLM(config).num_parameters()
        model = AutoBertZeroModel(config)
    assert model_parameters(config) == model.num_parameters()
    assert embedding_parameters(config) == sum(weight.numel() for weight in model.embeddings.parameters())


def test_base_sizes_are_those_that_a_configuration_has_by_itself() -> None:
    config = AutoBertZeroConfig()
    sizes = BaseSizes(config.layers)
    assert {name: getattr(config, name) for name in vars(sizes)} == vars(sizes)
    with torch.device("meta"):
        model = AutoBertZeroModel(config)
    assert model_parameters(sizes) == model.num_parameters()
    assert embedding_parameters(sizes) == sum(weight.numel() for weight in model.embeddings.parameters())
