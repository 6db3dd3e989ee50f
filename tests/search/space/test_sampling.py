"""What random graphs are like: within their bounds, of every kind, and with nothing left out."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from autobert_zero_hf.search.space.mutation.base import Draft
from autobert_zero_hf.search.space.sampling import sample_graph
from autobert_zero_hf.search.space.search_space import SearchSpace
from hypothesis import given
from hypothesis import strategies as st

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.axes import infer_axes, mixes_tokens
from autobert_zero_hf.model.canonical import identity
from autobert_zero_hf.model.graph import INPUTS, AttentionGraph
from autobert_zero_hf.model.operations import PAPER_OPERATIONS, operation_names

TARGETS = dict.fromkeys((BERT_ATTENTION, *AUTOBERT_ZERO[1::2]))


@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.integers(3, 6), st.sampled_from([("q",), ("k", "v"), INPUTS]))
def test_graphs_keep_to_their_bounds(seed: int, size: int, depth: int, inputs: tuple[str, ...]) -> None:
    names = operation_names()
    graph = sample_graph(random.Random(seed), names, size, inputs=inputs, max_depth=depth)
    space = SearchSpace(1, operations=names, max_operations=size, max_depth=depth, inputs=inputs)
    assert space.accepts(graph)
    assert mixes_tokens(infer_axes(graph))


def test_every_operation_input_and_size_turns_up() -> None:
    rng, draws = random.Random(0), 2000
    operations, inputs, sizes = Counter[str](), Counter[str](), Counter[int]()
    for _ in range(draws):
        graph = sample_graph(rng, PAPER_OPERATIONS, 10)
        operations.update({node.name for node in graph.operations})
        inputs.update(graph.inputs)
        sizes[len(graph.operations)] += 1
    assert all(operations[name] > 0.3 * draws for name in PAPER_OPERATIONS), operations
    assert all(0.5 * draws < inputs[name] < 0.75 * draws for name in INPUTS), inputs
    # One operation alone cannot mix tokens and be tokens x features.
    assert all(sizes[size] > 0.02 * draws for size in range(2, 11)), sizes


def test_operations_of_weight_0_are_not_drawn() -> None:
    rng = random.Random(0)
    weights = {name: float(name in ("matmul", "transpose", "neg")) for name in operation_names()}
    names = {node.name for _ in range(50) for node in sample_graph(rng, operation_names(), 8, weights).operations}
    assert names == {"matmul", "transpose", "neg"}
    with pytest.raises(ValueError, match="none of  takes"):
        sample_graph(rng, operation_names(), 8, dict.fromkeys(operation_names(), 0.0))


def test_a_narrow_space_finds_standard_attention() -> None:
    rng, wanted = random.Random(0), identity(AttentionGraph.parse(BERT_ATTENTION))
    drawn = (sample_graph(rng, ("matmul", "transpose", "scale", "softmax"), 5) for _ in range(40_000))
    assert any(len(graph.operations) == 5 and identity(graph) == wanted for graph in drawn)


class Foretold(random.Random):
    """Chance that draws what it is told, as long as that has a chance at all."""

    def __init__(self, told: Sequence[Any]):
        super().__init__(0)
        self.told = list(told)

    def randint(self, a: int, b: int) -> int:
        return b

    def random(self) -> float:
        return 0.99  # below 1: this too can happen

    def choice(self, seq: Sequence[Any]) -> Any:
        # The axes of operands are drawn where there is a choice, and else no question.
        if isinstance(self.told[0], tuple):
            del self.told[0]
        assert self.told[0] in seq
        return self.told.pop(0)

    def choices(self, population: Sequence[Any], weights: Any = None, **options: Any) -> list[Any]:
        assert weights[list(population).index(self.told[0])] > 0
        return [self.told.pop(0)]


@pytest.mark.parametrize("text", TARGETS)
def test_standard_attention_and_each_of_the_papers_can_be_drawn(text: str) -> None:
    """No draw on the way has a chance of 0, so the graph has none either."""
    graph = AttentionGraph.parse(text)
    draft = Draft(graph, INPUTS)
    grown = [draft.nodes[place] for place in draft.operations]
    steps = [(node.name, tuple(draft.axes[o] for o in node.operands), *node.operands) for node in grown]
    rng = Foretold(list(itertools.chain.from_iterable(steps)))
    assert sample_graph(rng, operation_names(), len(grown)) == graph
    assert not rng.told
