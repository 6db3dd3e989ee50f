"""Operations counted by hand."""

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.backbone import parse_layer
from autobert_zero_hf.model.cost import mixer_operations


def test_standard_attention() -> None:
    """Two products of N x D a head and token, a scale and a softmax of N scores."""
    assert mixer_operations(parse_layer(BERT_ATTENTION), 128, 12, 64) == 12 * (2 * 128 * 64 + 2 * 128)


def test_a_chain_costs_what_its_cheapest_order_costs() -> None:
    layer = parse_layer("matmul(matmul(q, transpose(k)), v)")
    assert mixer_operations(layer, 1000, 12, 64) == 12 * 2 * 64 * 64
    assert mixer_operations(layer, 16, 12, 64) == 12 * 2 * 16 * 64


def test_queries_of_an_attention_count_too() -> None:
    """Scores q (k^T v) q^T: two products of D x D a token, then the attention's N x D, its softmax and N x D."""
    layer = parse_layer("matmul(softmax(matmul(matmul(q, matmul(transpose(k), v)), transpose(q))), v)")
    assert mixer_operations(layer, 1000, 1, 64) == 2 * 64 * 64 + 1000 * 64 + 1000 + 1000 * 64


def test_a_convolution() -> None:
    assert mixer_operations(parse_layer("conv(9)"), 128, 12, 64) == 9 * 768
