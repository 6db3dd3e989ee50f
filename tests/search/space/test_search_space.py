import random
from collections import Counter

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from hypothesis import given
from hypothesis import strategies as st

from autobert_zero_hf.model import AttentionGraph, parse_layer
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION

SPACE = SearchSpace(num_layers=4, kernel_sizes=(3, 9, 65), max_operations=8)
SPACES = {
    "both types": SPACE,
    "attention alone": SearchSpace(3, layer_types=("attention",), max_operations=6, max_depth=4),
    "convolution alone": SearchSpace(2, kernel_sizes=(1, 3), layer_types=("convolution",)),
    "shared": SearchSpace(6, shared_attention=True, inputs=("q", "v")),
    "kernels of 1": SearchSpace(2, kernel_sizes=(1,), operations=("matmul", "transpose"), max_operations=3),
}
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@given(seed=seeds)
def test_samples_belong_to_the_space_and_follow_from_the_seed(space: SearchSpace, seed: int) -> None:
    candidate = space.sample(random.Random(seed))
    assert space.rejection(candidate) is None
    assert space.sample(random.Random(seed)) == candidate


def test_a_space_accepts_what_it_says() -> None:
    assert SPACE.accepts(AttentionGraph.parse(BERT_ATTENTION))
    assert SPACE.accepts(AttentionGraph.parse("softmax(q)")), "another layer may mix tokens"
    assert not SPACE.accepts(AttentionGraph.parse("transpose(q)")), "not legal"
    assert not SPACE.accepts(AttentionGraph.parse("q")), "no operation"
    for narrow in (
        SearchSpace(2, operations=("matmul", "transpose", "scale")),
        SearchSpace(2, max_operations=4),
        SearchSpace(2, max_depth=4),
        SearchSpace(2, inputs=("q", "k")),
    ):
        assert not narrow.accepts(AttentionGraph.parse(BERT_ATTENTION))
    assert SearchSpace(2, max_operations=5, max_depth=5).accepts(AttentionGraph.parse(BERT_ATTENTION))


@pytest.mark.parametrize(
    ("layers", "options", "rejection"),
    [
        (("conv(3)", "conv(9)"), {}, None),
        (("conv(1)", BERT_ATTENTION), {}, None),
        (("conv(3)", "softmax(q)"), {}, None),
        (("conv(1)", "softmax(q)"), {}, "no layer mixes tokens"),
        (("conv(3)",), {}, "1 layers, not 2"),
        (("conv(3)", "conv(5)"), {}, "layer 2, conv(5): kernel size 5 is none of 1, 3, 9"),
        (
            ("conv(4)", "conv(3)"),
            {},
            "layer 1, conv(4): a convolution takes an odd kernel size from 1 to 1023, not '4'",
        ),
        (("conv(3)", "neg(q"), {}, "layer 2, neg(q: the formula ends where ',' or ')' should stand"),
        (("conv(3)", "q"), {}, "layer 2, q: no operation"),
        (
            ("conv(3)", "neg(q)"),
            {"operations": ("matmul", "transpose")},
            "layer 2, neg(q): the space does not have neg",
        ),
        (("conv(3)", "neg(v)"), {"inputs": ("q", "k")}, "layer 2, neg(v): the space does not have the input v"),
        (("conv(3)", "neg(neg(neg(neg(q))))"), {"max_operations": 3}, "4 operations, at most 3"),
        (("conv(3)", "neg(neg(neg(neg(q))))"), {"max_depth": 3}, "4 operations inside one another, at most 3"),
        (
            ("conv(3)", "neg(q)"),
            {"layer_types": ("convolution",)},
            "layer 2, neg(q): the space has no attention layers",
        ),
        (
            ("neg(q)", "conv(3)"),
            {"layer_types": ("attention",)},
            "layer 2, conv(3): the space has no convolution layer",
        ),
        (("neg(q)", BERT_ATTENTION), {"shared_attention": True}, "different formulas"),
        (("matmul( q, v)", "conv(3)"), {}, "layer 1, matmul( q, v): matmul: the columns of the first operand"),
    ],
)
def test_an_objection_says_why(layers: tuple[str, ...], options: dict, rejection: str | None) -> None:
    space = SearchSpace(2, **{"kernel_sizes": (1, 3, 9), **options})
    found = space.rejection(Candidate(layers))
    assert found is rejection is None or (found and rejection and rejection in found)


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({"num_layers": 0}, ["at least one layer"]),
        ({"kernel_sizes": (3, 4)}, ["odd"]),
        ({"kernel_sizes": ()}, ["odd"]),
        ({"kernel_sizes": (3, 3)}, ["once"]),
        ({"operations": ("matmul", "relu")}, [r"unknown operations \['relu'\]"]),
        ({"operations": ()}, ["some operations"]),
        ({"operations": ("neg", "add")}, ["no attention that mixes tokens"]),
        ({"operations": ("matmul",)}, ["none of matmul takes what there is: q and k and v"]),
        ({"max_depth": 1}, ["no attention that mixes tokens"]),
        ({"layer_types": ("recurrence",)}, [r"unknown layer types \['recurrence'\]"]),
        ({"layer_types": ("convolution",), "kernel_sizes": (1,)}, ["kernel size 1 alone do not mix tokens"]),
        ({"layer_types": ("none",)}, ["layers of none alone do not mix tokens"]),
        ({"layer_types": ("window(0)",)}, [r"window\(0\): a window takes a number of tokens on either side"]),
        ({"layer_types": ("none(3)",)}, [r"none\(3\): a layer without a mixer has no number to choose"]),
        ({"feed_forward": ("wide",)}, ["feed_forward 'wide': give config, mlp"]),
        ({"feed_forward": ("none", "none")}, ["feed_forward comes once each"]),
        (
            {
                "inputs": (),
                "operations": (),
                "max_operations": 65,
                "max_depth": 33,
                "layer_types": ("attention", "attention"),
            },
            [
                "some inputs",
                "some operations",
                "max_operations is from 1 to 64",
                "max_depth is from 1 to 32",
                "more than once",
            ],
        ),
    ],
)
def test_a_space_of_nothing_is_refused_with_every_reason(options: dict, reasons: list[str]) -> None:
    with pytest.raises(ValueError) as refused:
        SearchSpace(**{"num_layers": 2, **options})
    for reason in reasons:
        refused.match(reason)


def test_both_types_and_every_kernel_are_about_as_frequent() -> None:
    rng = random.Random(0)
    layers = [layer for _ in range(400) for layer in SPACE.sample(rng, BERT_ATTENTION).layers]
    assert 0.45 < layers.count(BERT_ATTENTION) / len(layers) < 0.55
    assert all(0.12 < layers.count(f"conv({size})") / len(layers) < 0.21 for size in SPACE.kernel_sizes)


def test_a_candidate_knows_its_graphs_and_identity() -> None:
    candidate = Candidate(AUTOBERT_ZERO)
    assert list(candidate.graphs) == [1, 3, 5, 7, 9, 11]
    same = [str(parse_layer(layer)).replace("add(q, k)", "add(k, q)") for layer in AUTOBERT_ZERO]
    assert Candidate(tuple(same)).identity == candidate.identity != Candidate(AUTOBERT_ZERO[::-1]).identity


def test_windows_are_drawn_with_formulas_that_they_take() -> None:
    """And none is drawn in a space whose formulas they do not take, or beside a shared one that they do not."""
    with pytest.raises(ValueError, match="no formula for a window turned up among 1,000 random ones of matmul, trans"):
        SearchSpace(2, layer_types=("window",), operations=("matmul", "transpose"))
    space = SearchSpace(4, layer_types=("attention", "window(4)"), shared_attention=True)
    rng = random.Random(0)
    drawn = [space.sample(rng) for _ in range(40)]
    assert all(space.rejection(candidate) is None for candidate in drawn)
    kinds = Counter(tuple(sorted({parse_layer(text).mixer.kind for text in each.layers})) for each in drawn)
    assert kinds["attention",] > 4 < kinds["attention", "window"]
    linear = space.sample(rng, "matmul(q, matmul(transpose(k), v))")
    assert {parse_layer(text).mixer.kind for text in linear.layers} == {"attention"}
