import itertools
import random

import pytest
import torch
from hypothesis import given, settings

from autobert_zero_hf.model.axes import TypedGraph, infer_axes
from autobert_zero_hf.model.canonical import canonicalise, identity
from autobert_zero_hf.model.execution import Context, interpret
from autobert_zero_hf.model.graph import AttentionGraph
from tests.graphs import LARGE, random_graph, typed_graphs

SCORES = "matmul(q, transpose(k))"
SYMMETRIC = "matmul(q, transpose(q))"
LINEAR = f"matmul({SCORES}, v)"
HEAD_SIZE = 3  # its root is no number that sums of equal terms could make up for


def compute(typed: TypedGraph) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    inputs = {name: torch.randn(2, 1, 6, HEAD_SIZE, dtype=torch.float64, generator=generator) for name in "qkv"}
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    return interpret(typed, inputs, Context(HEAD_SIZE, mask))[0][:, :, :4]


@settings(max_examples=200)
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
        ("matmul(euclidean_distance(q, q), v)", "matmul(transpose(euclidean_distance(q, q)), v)"),
        (
            "matmul(add(q, add(q, q)), matmul(transpose(k), v))",
            f"add(add({LINEAR}, {LINEAR}), {LINEAR})",
        ),
        ("matmul(cosine_similarity(add(q, q), k), v)", "matmul(cosine_similarity(q, k), v)"),
        ("add(add(q, k), neg(q))", "k"),
        (f"matmul(add(add({SYMMETRIC}, {SCORES}), neg({SYMMETRIC})), v)", LINEAR),
        (f"matmul(add(transpose(add({SYMMETRIC}, {SCORES})), neg({SYMMETRIC})), v)", f"matmul(transpose({SCORES}), v)"),
        ("matmul(add(euclidean_distance(q, k), neg(euclidean_distance(q, k))), v)", "scale(add(k, neg(k)))"),
        (
            "matmul(k, softsign(transpose(matmul(transpose(k), add(q, neg(q))))))",
            "add(scale(transpose(transpose(k))), neg(scale(k)))",
        ),
    ],
)
def test_equal_functions_are_one(one: str, other: str) -> None:
    assert identity(AttentionGraph.parse(one)) == identity(AttentionGraph.parse(other))
    for text in (one, other):
        normal = canonicalise(AttentionGraph.parse(text))
        assert canonicalise(normal) == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("q", "neg(q)"),
        ("scale(q)", "q"),
        ("logsigmoid(neg(q))", "neg(logsigmoid(q))"),
        ("matmul(matmul(q, transpose(k)), v)", "matmul(matmul(k, transpose(q)), v)"),
        ("matmul(euclidean_distance(q, neg(k)), v)", "matmul(euclidean_distance(q, k), v)"),
        ("add(q, neg(k))", "add(k, neg(q))"),
        ("add(q, q)", "q"),
        ("softsign(add(q, q))", "add(softsign(q), softsign(q))"),
        ("matmul(euclidean_distance(add(q, q), k), v)", "matmul(euclidean_distance(q, k), v)"),
        ("matmul(euclidean_distance(q, k), v)", "matmul(euclidean_distance(k, q), v)"),
        ("matmul(softmax(transpose(matmul(q, transpose(k)))), v)", "matmul(softmax(matmul(q, transpose(k))), v)"),
    ],
)
def test_different_functions_are_not(one: str, other: str) -> None:
    assert identity(AttentionGraph.parse(one)) != identity(AttentionGraph.parse(other))


@pytest.mark.parametrize("count", [1_500, pytest.param(8_000, marks=pytest.mark.long)])
def test_on_random_pairs_equal_functions_are_found_and_different_ones_never_merged(count: int, capsys) -> None:
    """Small random graphs, among all pairs of which the same function turns up often."""
    rng = random.Random(0)
    graphs = {str(g.graph): g for g in (random_graph(rng.getrandbits(32), rng.randint(2, 6)) for _ in range(count))}
    outputs = {text: compute(typed) for text, typed in graphs.items()}
    merged: dict[str, str] = {}
    for text, typed in graphs.items():
        known = outputs[merged.setdefault(identity(typed.graph), text)]
        torch.testing.assert_close(
            outputs[text], known, rtol=1e-6, atol=1e-8 * max(1.0, known.abs().max().item()), msg=text
        )
    # Equal functions lie side by side when they are sorted by a number that depends on all of their outputs.
    weights = torch.randn(outputs[text].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ordered = sorted(merged.values(), key=lambda text: (outputs[text] * weights).sum().item())
    missed = [pair for pair in itertools.pairwise(ordered) if torch.allclose(*map(outputs.get, pair), 1e-9, 1e-11)]
    with capsys.disabled():
        print(
            f"\n{count:,} graphs, {len(graphs)} formulas, {len(merged)} identities; "
            f"not merged though equal: {len(missed)}"
        )
        for pair in missed:
            print("   ", "  =  ".join(pair))
    assert len(graphs) - len(merged) > count / 30, "the test would not see a wrong merge"
    assert len(missed) < len(merged) / 200


def test_the_largest_formulas_have_a_normal_form_too() -> None:
    """Squares of squares, whose factors, scales and terms double with every operation."""
    for text in LARGE.values():
        normal = canonicalise(AttentionGraph.parse(text))
        assert canonicalise(normal) == normal
        torch.testing.assert_close(
            compute(infer_axes(normal)), compute(infer_axes(AttentionGraph.parse(text))), rtol=1e-6, atol=1e-6
        )
