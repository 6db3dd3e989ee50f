import random

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import mutate_graph, mutate_layout
from autobert_zero_hf.search.space.search_space import SearchSpace
from hypothesis import given
from hypothesis import strategies as st

from autobert_zero_hf.model import AttentionGraph, parse_layer
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION

SPACE = SearchSpace(num_layers=4, kernel_sizes=(3, 9, 65), max_operations=8)
seeds = st.integers(0, 2**32 - 1)


def belongs(candidate: Candidate, space: SearchSpace = SPACE) -> bool:
    kernels = {f"conv({size})" for size in space.kernel_sizes}
    return len(candidate.layers) == space.num_layers and all(
        layer in kernels or space.accepts(AttentionGraph.parse(layer)) for layer in candidate.layers
    )


@given(seeds)
def test_samples_belong_to_the_space_and_follow_from_the_seed(seed: int) -> None:
    candidate = SPACE.sample(random.Random(seed))
    assert belongs(candidate)
    assert SPACE.sample(random.Random(seed)) == candidate


@given(seeds)
def test_mutations_stay_in_the_space_and_change_one_layer(seed: int) -> None:
    rng = random.Random(seed)
    parent = SPACE.sample(rng)
    weights = {name: rng.random() + 0.01 for name in SPACE.operations}
    for child in (mutate_layout(parent, SPACE, rng), mutate_graph(parent, SPACE, rng, weights)):
        assert belongs(child)
        changed = [n for n, (a, b) in enumerate(zip(parent.layers, child.layers, strict=True)) if a != b]
        if child != parent:
            (place,) = changed
            assert child.origin.endswith(f"in layer {place + 1}")
    assert mutate_layout(parent, SPACE, rng) != parent


def test_layout_mutations_reach_every_kernel_and_both_types() -> None:
    rng = random.Random(0)
    parent = Candidate(("conv(3)",) * 4)
    layers = {layer for _ in range(200) for layer in mutate_layout(parent, SPACE, rng).layers}
    assert {"conv(3)", "conv(9)", "conv(65)"} < layers
    assert any(not layer.startswith("conv") for layer in layers)
    back = {str(mutate_layout(Candidate((BERT_ATTENTION,) * 4), SPACE, rng).layers) for _ in range(50)}
    assert all("conv" in layers for layers in back)


def test_graph_mutations_draw_operations_by_weight() -> None:
    rng = random.Random(0)
    parent = Candidate((BERT_ATTENTION,) * 4)
    weights = {name: 1000.0 if name == "softsign" else 1e-9 for name in SPACE.operations}
    children = [mutate_graph(parent, SPACE, rng, weights) for _ in range(100)]
    new = [set(child.operations) - parent.operations for child in children]
    assert set().union(*new) == {"softsign"}
    assert sum("softsign" in operations for operations in new) > 50


def test_without_attention_the_graph_mutation_leaves_a_candidate_as_it_is() -> None:
    parent = Candidate(("conv(3)",) * 4)
    assert mutate_graph(parent, SPACE, random.Random(0)) is parent


def test_a_space_accepts_what_it_says() -> None:
    assert SPACE.accepts(AttentionGraph.parse(BERT_ATTENTION))
    narrow = SearchSpace(2, operations=("matmul", "transpose", "add"), max_operations=4)
    assert not narrow.accepts(AttentionGraph.parse(BERT_ATTENTION))
    assert not SPACE.accepts(AttentionGraph.parse("softmax(q)")), "no tokens are mixed"
    assert not SPACE.accepts(AttentionGraph.parse("transpose(q)")), "not legal"
    for _ in range(20):
        assert belongs(narrow.sample(random.Random(1)), narrow)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_layers": 0}, "at least one layer"),
        ({"num_layers": 2, "kernel_sizes": (3, 4)}, "odd"),
        ({"num_layers": 2, "operations": ("matmul", "relu")}, "unknown operations \\['relu'\\]"),
        ({"num_layers": 2, "operations": ("neg", "add")}, "no attention that mixes tokens"),
        ({"num_layers": 2, "operations": ("matmul",)}, "none of matmul takes what there is: q and k and v"),
    ],
)
def test_a_space_of_nothing_is_refused(options: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SearchSpace(**options)


def test_a_candidate_knows_its_graphs_and_identity() -> None:
    candidate = Candidate(AUTOBERT_ZERO)
    assert list(candidate.graphs) == [1, 3, 5, 7, 9, 11]
    assert candidate.operations == {
        "matmul", "softmax", "scale", "transpose", "neg", "logsigmoid", "add", "softsign"
    }  # fmt: skip
    same = [str(parse_layer(layer)).replace("add(q, k)", "add(k, q)") for layer in AUTOBERT_ZERO]
    assert Candidate(tuple(same)).identity == candidate.identity != Candidate(AUTOBERT_ZERO[::-1]).identity
