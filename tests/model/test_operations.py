import math

import pytest
import torch

from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.execution import Context, interpret
from autobert_zero_hf.model.graph import AttentionGraph, FormulaError
from autobert_zero_hf.model.layers import parse_layer
from autobert_zero_hf.model.operations import (
    PAPER_OPERATIONS,
    Operation,
    equal,
    operation,
    operation_names,
    probe,
    register,
    rows_against_rows,
    swapped,
    unchanged,
    unregister,
)

PAPER = (
    "neg", "transpose", "scale", "softmax", "logsigmoid", "softsign", "add", "matmul", "cosine_similarity",
    "euclidean_distance",
)  # fmt: skip
BUILT_IN = operation_names()


def test_the_ten_operations_of_the_paper() -> None:
    assert operation_names()[:10] == PAPER_OPERATIONS == PAPER


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_operation_of_the_table_passes_the_probe(name: str) -> None:
    """It is probed here, and not when the table is made, which needs no torch."""
    probe(operation(name))


def test_operations_compute_what_their_names_say() -> None:
    """Against loops over plain numbers."""
    a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)

    def apply(name: str, *operands: torch.Tensor) -> torch.Tensor:
        return operation(name).function(*operands, head_size=3)

    for i in range(4):
        for j in range(3):
            x = a[i, j].item()
            assert apply("neg", a)[i, j].item() == -x
            assert apply("transpose", a)[j, i].item() == x
            assert apply("scale", a)[i, j].item() == pytest.approx(x / math.sqrt(3))
            assert apply("logsigmoid", a)[i, j].item() == pytest.approx(math.log(1 / (1 + math.exp(-x))))
            assert apply("sigmoid", a)[i, j].item() == pytest.approx(1 / (1 + math.exp(-x)))
            assert apply("softsign", a)[i, j].item() == pytest.approx(x / (1 + abs(x)))
            weights = [math.exp(y) for y in a[i].tolist()]
            assert apply("softmax", a)[i, j].item() == pytest.approx(weights[j] / sum(weights))
            assert apply("add", a, b[:4])[i, j].item() == pytest.approx(x + b[i, j].item())
        for j in range(5):
            rows = list(zip(a[i].tolist(), b[j].tolist(), strict=True))
            dot = sum(x * y for x, y in rows)
            lengths = math.hypot(*a[i].tolist()) * math.hypot(*b[j].tolist())
            assert apply("matmul", a, b.T)[i, j].item() == pytest.approx(dot)
            assert apply("cosine_similarity", a, b)[i, j].item() == pytest.approx(dot / lengths)
            distance = math.hypot(*(x - y for x, y in rows))
            assert apply("euclidean_distance", a, b)[i, j].item() == pytest.approx(distance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", BUILT_IN)
def test_extreme_inputs_give_finite_values_and_gradients(name: str, dtype: torch.dtype) -> None:
    rule = operation(name)
    for fill in (0.0, 1e-3, -100.0, 100.0):
        operands = [torch.full((2, 6, 6), fill, dtype=dtype, requires_grad=True) for _ in range(rule.arity)]
        out = rule.function(*operands, head_size=6)
        assert out.dtype == dtype
        assert torch.isfinite(out).all(), fill
        for gradient in torch.autograd.grad(out.float().sum(), operands):
            assert torch.isfinite(gradient).all(), fill


def test_a_new_operation_is_one_row() -> None:
    register(Operation("relu", 1, lambda x, head_size: x.relu(), axes=unchanged, source="Nair and Hinton, 2010"))
    try:
        typed = infer_axes(AttentionGraph.parse("relu(add(q, neg(relu(k))))"))
        q, k = torch.randn(2, 1, 2, 5, 3)
        out, _ = interpret(typed, {"q": q, "k": k}, Context(head_size=3))
        torch.testing.assert_close(out, (q - k.clamp(min=0)).clamp(min=0))
        assert parse_layer("relu(q)").mixer.graph == AttentionGraph.parse("relu(q)")
    finally:
        unregister("relu")
    with pytest.raises(FormulaError, match="unknown operation"):
        parse_layer("relu(q)")  # not out of a cache either
    assert operation_names() == BUILT_IN


BAD = {
    "wrong shape": (Operation("bad", 1, lambda x, head_size: x, swapped, ""), "gives shape"),
    "value not finite": (Operation("bad", 1, lambda x, head_size: x.log(), unchanged, ""), "value is not finite"),
    "gradient not finite": (
        Operation("bad", 1, lambda x, head_size: x.square().sqrt(), unchanged, ""),
        "gradient is not finite",
    ),
    "taken": (Operation("matmul", 2, lambda a, b, head_size: a + b, equal, ""), "registered already"),
    "input": (Operation("q", 1, lambda x, head_size: x, unchanged, ""), "cannot name"),
    "convolution": (Operation("conv", 1, lambda x, head_size: x, unchanged, ""), "cannot name"),
    "no name": (Operation("a b", 1, lambda x, head_size: x, unchanged, ""), "cannot name"),
    "arity": (Operation("bad", 3, lambda a, b, c, head_size: a, unchanged, ""), "1 or 2 operands"),
    "reduces": (Operation("bad", 2, lambda a, b, head_size: a, rows_against_rows, "", reduces=(-1,)), "`reduces`"),
}


@pytest.mark.parametrize(("row", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_operation_is_refused_with_the_reason(row: Operation, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        register(row)
    assert operation_names() == BUILT_IN


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean 'softsign'"):
        operation("softsing")
