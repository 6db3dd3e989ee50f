"""The reference, the plans, and padding, on random graphs."""

import pickle
import random
from collections import Counter

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.axes import TypedGraph, infer_axes, mixes_tokens
from autobert_zero_hf.model.execution import Context, interpret, run
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.layer_formula import unseen_sum
from autobert_zero_hf.model.lowering import Apply, Product, Weights, lower
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES
from tests.graphs import LARGE, LargestTensor, random_formula, random_graph, random_product, typed_graphs

HEADS, TOKENS, HEAD_SIZE = 2, 7, 4


def inputs_of(typed: TypedGraph, batch: int = 2, tokens: int = TOKENS) -> dict[str, Tensor]:
    return {
        name: torch.randn(batch, HEADS, tokens, HEAD_SIZE, dtype=torch.float64, requires_grad=True)
        for name in typed.graph.inputs
    }


def sdpa(mask: Tensor | None):
    mask = mask[:, None, None, :] if mask is not None and mask.dim() == 2 else mask
    return lambda query, key, value, scaling: F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling
    )


def typed(text: str) -> TypedGraph:
    return infer_axes(AttentionGraph.parse(text))


def reference(graph: TypedGraph, inputs: dict[str, Tensor], mask: Tensor | None) -> Tensor:
    return interpret(graph, inputs, Context(HEAD_SIZE, mask))[0]


def planned(graph: TypedGraph, inputs: dict[str, Tensor], mask: Tensor | None) -> Tensor:
    return run(lower(graph), inputs, Context(HEAD_SIZE, mask), sdpa(mask))


def with_gradients(compute, graph: TypedGraph, inputs: dict[str, Tensor], mask: Tensor | None) -> list[Tensor]:
    """The outputs of real tokens, and the gradients of a random sum of them."""
    out = compute(graph, inputs, mask)
    if mask is not None and mask.dim() == 2:
        out = out * mask[:, None, :, None]
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    found = torch.autograd.grad((out * weights).sum(), list(inputs.values()), allow_unused=True)
    return [out, *(torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs.values(), strict=True))]


def assert_agree(compute, graph: TypedGraph, tokens: int = TOKENS) -> None:
    """`compute` agrees with the reference to rounding: to what the reference itself moves when its inputs do."""
    inputs = inputs_of(graph, tokens=tokens)
    mask = torch.ones(2, tokens, dtype=torch.bool)
    mask[1, tokens // 2 :] = False
    nudged = {name: (x.detach() * (1 + 1e-13 * torch.randn_like(x))).requires_grad_() for name, x in inputs.items()}
    for wanted, moved, actual in zip(
        with_gradients(reference, graph, inputs, mask),
        with_gradients(reference, graph, nudged, mask),
        with_gradients(compute, graph, inputs, mask),
        strict=True,
    ):
        if torch.isfinite(wanted).all() and torch.isfinite(moved).all():
            allowed = 1e-9 * wanted.abs().max() + 1e3 * (moved - wanted).abs().max() + 1e-12
            assert (actual - wanted).abs().max() <= allowed, str(graph.graph)


@settings(max_examples=200)
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
        nudged = {name: x * (1 + 1e-13 * torch.randn_like(x)) for name, x in alone.items()}
        without = reference(graph, alone, None)
        allowed = 1e-9 * without.abs().max() + 1e3 * (reference(graph, nudged, None) - without).abs().max() + 1e-12
        for compute in (reference, planned):
            assert (compute(graph, padded, mask)[:, :, :real] - without).abs().max() <= allowed, str(graph.graph)


@settings(max_examples=200)
@given(typed_graphs)
def test_texts_packed_in_one_row_do_not_see_each_other(graph: TypedGraph) -> None:
    """Under a pairwise mask each computes what it does alone; and what one computes has no gradient in the other."""
    assume(unseen_sum(graph) is None)
    first = 3
    inputs = inputs_of(graph)
    text = torch.arange(TOKENS) < first
    mask = (text[:, None] == text)[None, None]
    packed = reference(graph, inputs, mask)
    pieces = [
        {name: x[:, :, :first] for name, x in inputs.items()},
        {name: x[:, :, first:] for name, x in inputs.items()},
    ]
    nudged = [{name: x * (1 + 1e-13 * torch.randn_like(x)) for name, x in piece.items()} for piece in pieces]
    alone, moved = (torch.cat([reference(graph, piece, None) for piece in each], 2) for each in (pieces, nudged))
    allowed = 1e-9 * alone.abs().max() + 1e3 * (moved - alone).abs().max() + 1e-12
    assert (packed - alone).abs().max() <= allowed, str(graph.graph)
    gradients = torch.autograd.grad(packed[:, :, :first].sum(), list(inputs.values()), allow_unused=True)
    assert not any(g[:, :, first:].any() for g in gradients if g is not None), str(graph.graph)


def test_both_axes_of_a_matrix_are_hidden_by_a_mask_of_pairs() -> None:
    """Under a mask that is not symmetric: the rows of weights are summed for the columns that see them."""
    graph = typed("transpose(matmul(transpose(v), softmax(matmul(q, transpose(k)))))")
    inputs = inputs_of(graph, batch=1)
    mask = torch.ones(TOKENS, TOKENS).tril().bool()  # a token sees those before it
    out = reference(graph, inputs, mask[None, None])
    scores = (inputs["q"] @ inputs["k"].mT).masked_fill(~mask, -torch.inf).softmax(-1)
    # weights[i, j] v[i], for j, over the i that j sees: of these, only j itself sees j
    wanted = torch.einsum("bhij,ji,bhid->bhjd", scores, mask.double(), inputs["v"])
    torch.testing.assert_close(out, wanted)


FUSED = [
    graph for graph in (*map(typed, AUTOBERT_ZERO[1::2]), *map(random_product, range(400))) if lower(graph).keeps_pairs
]


def test_enough_formulas_are_nothing_but_attentions() -> None:
    assert all(typed(line) in FUSED for line in AUTOBERT_ZERO[1::2])
    assert len({str(graph.graph) for graph in FUSED}) > 40


@pytest.mark.parametrize("heads", [1, HEADS])
@pytest.mark.parametrize("graph", FUSED, ids=lambda graph: str(graph.graph))
def test_a_plan_that_keeps_pairs_computes_what_the_reference_does(graph: TypedGraph, heads: int) -> None:
    """Random pairwise masks, also with a token that sees nothing: zero, as where a product sums over nothing."""
    assert unseen_sum(graph) is None
    mask = torch.rand(2, heads, TOKENS, TOKENS) < 0.5
    mask[0, :, 2] = False
    inputs = inputs_of(graph)
    for actual, wanted in zip(
        with_gradients(planned, graph, inputs, mask), with_gradients(reference, graph, inputs, mask), strict=True
    ):
        assert torch.isfinite(wanted).all()
        torch.testing.assert_close(actual, wanted)


def test_which_formulas_have_a_meaning_under_a_mask_of_pairs() -> None:
    """Those in which every sum over tokens is for a token."""
    legal = {
        "matmul(matmul(q, transpose(k)), v)": True,
        "matmul(q, matmul(transpose(k), v))": False,
        "matmul(q, softmax(matmul(transpose(k), v)))": False,
        "matmul(cosine_similarity(q, k), v)": True,
        "transpose(matmul(transpose(v), softmax(matmul(q, transpose(k)))))": True,
        "transpose(softmax(transpose(q)))": False,
        "matmul(q, cosine_similarity(transpose(k), transpose(v)))": False,
        "matmul(cosine_similarity(matmul(q, transpose(k)), matmul(q, transpose(v))), v)": True,
    }
    for text, expected in legal.items():
        assert (unseen_sum(typed(text)) is None) is expected, text


@settings(max_examples=200)
@given(typed_graphs, st.sampled_from([2, 4, 7]))
def test_a_plan_computes_what_the_reference_does(graph: TypedGraph, tokens: int) -> None:
    """With fewer and with more tokens than features, so that chains are associated in different ways."""
    assert_agree(planned, graph, tokens)


@pytest.mark.parametrize("seed", range(4))
def test_compiled_plans_compute_what_the_reference_does(seed: int) -> None:
    graph = random_product(seed) if seed % 2 else random_graph(seed)
    plan = lower(graph)

    @torch.compile(fullgraph=True, backend="aot_eager")
    def compiled(inputs: dict[str, Tensor], mask: Tensor) -> Tensor:
        return run(plan, inputs, Context(HEAD_SIZE, mask), sdpa(mask))

    assert_agree(lambda _, inputs, mask: compiled(inputs, mask), graph)
    torch._dynamo.reset()


def test_standard_attention_by_hand() -> None:
    graph = typed(BERT_ATTENTION)
    inputs = inputs_of(graph, batch=1)
    q, k, v = (inputs[name] for name in "qkv")
    out, weights = interpret(graph, inputs, Context(HEAD_SIZE))
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
        ("matmul(softmax(neg(scale(cosine_similarity(q, k)))), v)", ("flash",)),
        ("matmul(softmax(transpose(matmul(k, transpose(q)))), v)", ("flash",)),
        ("matmul(softmax(matmul(q, matmul(transpose(k), matmul(v, transpose(q))))), v)", ("flash",)),
        ("transpose(matmul(transpose(v), transpose(softmax(matmul(q, transpose(k))))))", ("flash",)),
        ("matmul(matmul(softmax(matmul(q, transpose(k))), matmul(q, transpose(k))), v)", ("flash",)),
        ("matmul(matmul(softmax(matmul(q, transpose(k))), softmax(matmul(k, transpose(q)))), v)", ("flash",)),
        ("add(matmul(softmax(matmul(q, transpose(k))), v), matmul(euclidean_distance(q, k), v))", ("flash", "dense")),
        ("matmul(softsign(softmax(matmul(q, transpose(k)))), v)", ("dense",)),
        (f"add({BERT_ATTENTION}, matmul(softsign(softmax(scale(matmul(q, transpose(k))))), q))", ("dense",)),
        (f"matmul(q, matmul(transpose({BERT_ATTENTION}), matmul(softmax(matmul(k, transpose(k))), k)))", ("flash",)),
        (
            "matmul(q, matmul(matmul(transpose(v), transpose(softmax(matmul(q, transpose(k))))), "
            "matmul(softmax(matmul(k, transpose(k))), k)))",
            ("flash",),
        ),
        ("matmul(cosine_similarity(q, k), v)", ("linear",)),
        ("scale(matmul(scale(matmul(q, transpose(k))), neg(v)))", ("linear",)),
        ("matmul(softmax(add(matmul(q, transpose(k)), matmul(k, transpose(q)))), v)", ("dense",)),
        ("matmul(q, matmul(transpose(k), v))", ("linear",)),
        ("transpose(matmul(softmax(matmul(transpose(q), k)), transpose(v)))", ("linear",)),
        ("softsign(q)", ("linear",)),
    ],
)
def test_what_runs_fused(text: str, kinds: tuple[str, ...]) -> None:
    graph = typed(text)
    assert lower(graph).kinds == kinds
    assert_agree(planned, graph)


@pytest.mark.parametrize("seed", range(100))
def test_any_softmax_of_a_product_runs_fused(seed: int) -> None:
    rng = random.Random(seed)
    a, b, c = (random_formula(rng, TOKENS_BY_FEATURES, 2) for _ in range(3))
    inside = rng.choice([f"matmul({a}, transpose({b}))", f"cosine_similarity({a}, {b})"])
    for name in rng.choices(["scale", "neg"], k=rng.randint(0, 2)):
        inside = f"{name}({inside})"
    assert "flash" in lower(typed(f"matmul(softmax({inside}), {c})")).kinds


@settings(max_examples=50)
@given(typed_graphs)
def test_only_dense_plans_make_a_matrix_of_all_tokens(graph: TypedGraph) -> None:
    """And so the others are linear in the number of tokens, as far as their kernels are."""
    tokens, plan = 64, lower(graph)
    inputs = {name: x.detach() for name, x in inputs_of(graph, tokens=tokens).items()}
    with LargestTensor() as largest:
        run(plan, inputs, Context(HEAD_SIZE), lambda query, key, value, scaling: query)
    assert ("dense" in plan.kinds) == (largest.numel >= 2 * HEADS * tokens**2)


@settings(max_examples=100)
@given(typed_graphs)
def test_what_a_formula_computes_once_a_plan_computes_once(graph: TypedGraph) -> None:
    def count(names: list[str]) -> Counter[str]:
        return Counter(name for name in names if name in ("softmax", "logsigmoid", "softsign", "euclidean_distance"))

    steps = count([step.operation.name for step in lower(graph).steps if isinstance(step, Apply)])
    assert steps <= count([node.name for node in graph.graph.nodes])


STABLE = {
    "distance zero": ("matmul(euclidean_distance(q, q), q)", 10.0),
    "cosine of a zero row": ("matmul(cosine_similarity(add(q, neg(q)), k), v)", 1e3),
    "cosine of a zero row under a softmax": ("matmul(softmax(cosine_similarity(add(q, neg(q)), k)), v)", 1e3),
    "softmax of padding only": (BERT_ATTENTION, 100.0),
    "softmax of padding only, dense": ("matmul(softmax(euclidean_distance(q, k)), v)", 1e3),
    "softmax along tokens": ("transpose(softmax(transpose(q)))", 1e3),
    "far out": ("add(logsigmoid(q), logsigmoid(neg(q)))", 1e3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("text", "largest"), STABLE.values(), ids=STABLE.keys())
@pytest.mark.parametrize("compute", [reference, planned])
def test_values_and_gradients_are_finite_under_autocast(compute, text: str, largest: float, dtype: torch.dtype) -> None:
    graph = typed(text)
    mask = torch.zeros(2, TOKENS, dtype=torch.bool)
    mask[0] = True
    for magnitude in (0.0, 1.0, largest):
        inputs = {name: (magnitude * x.float().detach()).requires_grad_() for name, x in inputs_of(graph).items()}
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            out = compute(graph, inputs, mask)
        assert torch.isfinite(out).all(), magnitude
        for gradient in torch.autograd.grad(out.float().sum(), list(inputs.values())):
            assert torch.isfinite(gradient).all(), magnitude


def test_mixing_of_tokens_is_seen_from_the_axes() -> None:
    assert mixes_tokens(typed(BERT_ATTENTION))
    assert mixes_tokens(typed("transpose(softmax(transpose(q)))"))
    assert not mixes_tokens(typed("softmax(add(q, k))"))
    assert mixes_tokens(typed("matmul(q, matmul(transpose(q), k))"))


def test_a_model_with_every_kind_of_plan_can_be_pickled() -> None:
    for text in (BERT_ATTENTION, "matmul(softmax(cosine_similarity(q, k)), v)", "softsign(q)"):
        plan = lower(typed(text))
        assert pickle.loads(pickle.dumps(plan)) == plan


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_the_largest_formulas_run_and_repeat_nothing(text: str) -> None:
    graph = typed(text)
    plan = lower(graph)
    attentions = sum(len(step.weights) for step in plan.steps if isinstance(step, Product))
    assert attentions <= sum(node.name == "softmax" for node in graph.graph.nodes)
    multiplied = sum(len(step.factors) - 1 for step in plan.steps if isinstance(step, Product))
    assert multiplied <= 2 * len(graph.graph.nodes)
    assert_agree(planned, graph, tokens=3)


def test_a_long_chain_stays_fused_and_linear() -> None:
    value = "q"
    for _ in range(8):
        value = f"matmul({value}, matmul(transpose(k), softsign(q)))"
    assert lower(typed(f"matmul(softmax(matmul(q, transpose(k))), {value})")).kinds == ("flash",)
    assert lower(typed(value)).kinds == ("linear",)


def test_scales_of_scores_are_put_on_the_queries() -> None:
    """Which are smaller, and where half precision does not overflow."""
    graph = typed("matmul(logsigmoid(matmul(scale(q), transpose(k))), v)")
    (scale,) = (step for step in lower(graph).steps if isinstance(step, Apply) and step.operation.name == "scale")
    assert scale.axes == (TOKENS_BY_FEATURES,)
    for text in (
        "matmul(logsigmoid(neg(scale(transpose(matmul(k, transpose(q)))))), v)",
        "matmul(add(scale(matmul(q, transpose(k))), matmul(q, transpose(k))), softsign(v))",
        "matmul(softsign(scale(matmul(euclidean_distance(q, k), euclidean_distance(k, v)))), v)",
    ):
        assert_agree(planned, typed(text))


def test_dropout_drops_weights_over_tokens() -> None:
    """About as many as asked for, of the reference's softmax; the others grow so that the mean stays."""
    graph = typed("matmul(softmax(matmul(q, transpose(k))), v)")
    ones = {name: torch.ones(1, 1, 1000, 2, dtype=torch.float64) for name in "qkv"}
    out, weights = interpret(graph, ones, Context(2, dropout=0.25))
    assert 0.24 < (weights == 0).double().mean() < 0.26
    torch.testing.assert_close(out.mean(), torch.tensor(1.0, dtype=torch.float64), rtol=0.01, atol=0)
    assert (interpret(graph, ones, Context(2))[1] > 0).all()
