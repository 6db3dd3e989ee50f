import random

import pytest
import torch
from hypothesis import given, settings

from autobert_zero_hf.model.axes import TypedGraph, infer_axes
from autobert_zero_hf.model.canonical import canonicalise, identity
from autobert_zero_hf.model.execution import Surroundings, interpret
from autobert_zero_hf.model.graph import AttentionGraph
from tests.graphs import random_graph, typed_graphs

HEAD_SIZE = 4


def compute(typed: TypedGraph) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    inputs = {name: torch.randn(2, 1, 6, HEAD_SIZE, dtype=torch.float64, generator=generator) for name in "qkv"}
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    return interpret(typed, inputs, Surroundings(HEAD_SIZE, mask))[0][:, :, :4]


@settings(max_examples=300)
@given(typed_graphs)
def test_the_normal_form_computes_the_same_and_is_its_own(typed: TypedGraph) -> None:
    normal = canonicalise(typed.graph)
    wanted = compute(typed)
    torch.testing.assert_close(
        compute(infer_axes(normal)), wanted, rtol=1e-6, atol=1e-8 * max(1.0, wanted.abs().max().item())
    )
    assert canonicalise(normal) == normal
    assert identity(normal) == identity(typed.graph)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("q", "neg(neg(q))"),
        ("add(q, k)", "add(k, q)"),
        ("add(add(q, k), v)", "add(q, add(v, k))"),
        ("softsign(neg(q))", "neg(softsign(q))"),
        ("matmul(scale(q), matmul(transpose(k), v))", "scale(matmul(matmul(q, transpose(k)), v))"),
        ("matmul(softmax(matmul(q, transpose(k))), v)", "matmul(softmax(transpose(matmul(k, transpose(q)))), v)"),
        ("matmul(cosine_similarity(q, scale(k)), v)", "matmul(transpose(cosine_similarity(k, q)), v)"),
        ("matmul(euclidean_distance(neg(q), neg(k)), v)", "matmul(transpose(euclidean_distance(k, q)), v)"),
        ("logsigmoid(transpose(neg(transpose(k))))", "logsigmoid(neg(k))"),
        ("neg(add(neg(q), k))", "add(q, neg(k))"),
        (
            "neg(add(add(softmax(q), softmax(k)), neg(softmax(k))))",
            "add(add(neg(softmax(q)), softmax(k)), neg(softmax(k)))",
        ),
        ("matmul(euclidean_distance(q, neg(v)), v)", "matmul(euclidean_distance(neg(q), v), v)"),
    ],
)
def test_equal_functions_are_one(one: str, other: str) -> None:
    assert identity(AttentionGraph.parse(one)) == identity(AttentionGraph.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("q", "neg(q)"),
        ("scale(q)", "q"),
        ("logsigmoid(neg(q))", "neg(logsigmoid(q))"),
        ("matmul(matmul(q, transpose(k)), v)", "matmul(matmul(k, transpose(q)), v)"),
        ("matmul(euclidean_distance(q, neg(k)), v)", "matmul(euclidean_distance(q, k), v)"),
        ("add(q, neg(k))", "add(k, neg(q))"),
    ],
)
def test_different_functions_are_not(one: str, other: str) -> None:
    assert identity(AttentionGraph.parse(one)) != identity(AttentionGraph.parse(other))


def test_graphs_with_one_identity_compute_the_same() -> None:
    """On small graphs, where the same function turns up often."""
    found: dict[str, torch.Tensor] = {}
    merged = 0
    for seed in range(3000):
        typed = random_graph(seed, max_operations=random.Random(seed).randint(2, 4))
        output = compute(typed)
        known = found.setdefault(identity(typed.graph), output)
        merged += known is not output
        torch.testing.assert_close(output, known, rtol=1e-6, atol=1e-8 * max(1.0, known.abs().max().item()))
    assert merged > 300, "the test would not see a wrong merge"
