"""The reference, the plans, and padding, on random graphs."""

import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional as F

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.axes import TypedGraph, infer_axes, mixes_tokens
from autobert_zero_hf.model.execution import Surroundings, interpret, run
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.lowering import Product, Weights, lower
from tests.graphs import typed_graphs

HEADS, TOKENS, HEAD_SIZE = 2, 7, 4


def inputs_of(typed: TypedGraph, batch: int = 2, tokens: int = TOKENS) -> dict[str, torch.Tensor]:
    return {
        name: torch.randn(batch, HEADS, tokens, HEAD_SIZE, dtype=torch.float64, requires_grad=True)
        for name in typed.graph.inputs
    }


def sdpa(token_mask: torch.Tensor | None):
    mask = None if token_mask is None else token_mask[:, None, None, :]
    return lambda query, key, value, scaling: F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling
    )


def typed(text: str) -> TypedGraph:
    return infer_axes(AttentionGraph.parse(text))


def assert_same(actual: torch.Tensor, wanted: torch.Tensor) -> None:
    """Equal to rounding; what overflows in both has no digits to compare."""
    torch.testing.assert_close(actual, wanted, rtol=1e-7, atol=1e-9 * max(1.0, wanted.abs().max().item()))


@settings(max_examples=300)
@given(typed_graphs)
def test_a_real_token_never_sees_padding(graph: TypedGraph) -> None:
    real = 5
    inputs = inputs_of(graph)
    mask = torch.ones(2, TOKENS, dtype=torch.bool)
    mask[:, real:] = False
    for garbage in (0.0, 1.0, 1e3):
        padded = {
            name: torch.cat([x[:, :, :real], garbage * torch.randn_like(x[:, :, real:])], 2)
            for name, x in inputs.items()
        }
        alone = {name: x[:, :, :real] for name, x in inputs.items()}
        with_padding, _ = interpret(graph, padded, Surroundings(HEAD_SIZE, mask))
        without, _ = interpret(graph, alone, Surroundings(HEAD_SIZE))
        assert_same(with_padding[:, :, :real], without)
        planned = run(lower(graph), padded, Surroundings(HEAD_SIZE, mask), sdpa(mask))
        assert_same(planned[:, :, :real], without)


@settings(max_examples=200)
@given(typed_graphs)
def test_a_plan_computes_what_the_reference_does(graph: TypedGraph) -> None:
    inputs = inputs_of(graph)
    mask = torch.ones(2, TOKENS, dtype=torch.bool)
    mask[1, 4:] = False
    reference, _ = interpret(graph, inputs, Surroundings(HEAD_SIZE, mask))
    planned = run(lower(graph), inputs, Surroundings(HEAD_SIZE, mask), sdpa(mask))
    weights = torch.randn_like(reference) * mask[:, None, :, None]
    assert_same(planned * mask[:, None, :, None], reference * mask[:, None, :, None])
    wanted = torch.autograd.grad((reference * weights).sum(), list(inputs.values()), allow_unused=True)
    actual = torch.autograd.grad((planned * weights).sum(), list(inputs.values()), allow_unused=True)
    for a, w in zip(actual, wanted, strict=True):
        if w is not None and a is not None:
            assert_same(a, w)


def test_standard_attention_by_hand() -> None:
    graph = typed(BERT_ATTENTION)
    inputs = inputs_of(graph, batch=1)
    q, k, v = (inputs[name] for name in "qkv")
    out, weights = interpret(graph, inputs, Surroundings(HEAD_SIZE))
    assert weights is not None
    for head in range(HEADS):
        for i in range(TOKENS):
            scores = torch.stack([q[0, head, i] @ k[0, head, j] / 2.0 for j in range(TOKENS)])
            chances = scores.exp() / scores.exp().sum()
            torch.testing.assert_close(weights[0, head, i], chances)
            torch.testing.assert_close(out[0, head, i], sum(c * v[0, head, j] for j, c in enumerate(chances)))


@pytest.mark.parametrize("text", [BERT_ATTENTION, *AUTOBERT_ZERO[1::2]])
def test_the_attentions_of_the_paper_run_fused(text: str) -> None:
    plan = lower(typed(text))
    (product,) = (step for step in plan.steps if isinstance(step, Product))
    (weights,) = (factor for factor in product.factors if isinstance(factor, Weights))
    assert weights.scales == 1
    assert plan.kinds == ("flash",)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("matmul(softmax(neg(scale(scale(matmul(q, transpose(k)))))), v)", ("flash",)),
        ("add(matmul(softmax(matmul(q, transpose(k))), v), q)", ("flash",)),
        ("matmul(softmax(add(matmul(q, transpose(k)), matmul(k, transpose(q)))), v)", ("dense",)),
        ("matmul(q, matmul(transpose(k), v))", ("linear",)),
        ("transpose(matmul(softmax(matmul(transpose(q), k)), transpose(v)))", ("linear",)),
        ("softsign(q)", ("linear",)),
    ],
)
def test_what_runs_fused(text: str, kinds: tuple[str, ...]) -> None:
    graph = typed(text)
    assert lower(graph).kinds == kinds
    inputs = inputs_of(graph)
    reference, _ = interpret(graph, inputs, Surroundings(HEAD_SIZE))
    assert_same(run(lower(graph), inputs, Surroundings(HEAD_SIZE), sdpa(None)), reference)


def test_mixing_of_tokens_is_seen_from_the_axes() -> None:
    assert mixes_tokens(typed(BERT_ATTENTION))
    assert mixes_tokens(typed("transpose(softmax(transpose(q)))"))
    assert not mixes_tokens(typed("softmax(add(q, k))"))
    assert mixes_tokens(typed("matmul(q, matmul(transpose(q), k))"))


def test_a_row_of_padding_only_stays_finite() -> None:
    graph = typed(BERT_ATTENTION)
    inputs = inputs_of(graph)
    mask = torch.zeros(2, TOKENS, dtype=torch.bool)
    mask[0] = True
    out, _ = interpret(graph, inputs, Surroundings(HEAD_SIZE, mask))
    assert torch.isfinite(out).all()
    for gradient in torch.autograd.grad(out.sum(), list(inputs.values())):
        assert torch.isfinite(gradient).all()
