"""From a random graph to standard attention, and on to each of the paper's, one mutation at a time."""

import itertools
import random

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import MUTATIONS
from autobert_zero_hf.search.space.search_space import SearchSpace

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION

# The hardest space for a chain: one attention, so that it has to mix tokens at every step.
SPACE = SearchSpace(1, layer_types=("attention",), max_operations=11)
TRIES = 20_000

RANDOM = "matmul(cosine_similarity(logsigmoid(softsign(softsign(neg(k)))), k), neg(v))"
"""A sample of the space."""

CHAINS = {
    BERT_ATTENTION: [
        ("start", RANDOM),
        ("rewire", "matmul(cosine_similarity(q, k), neg(v))"),
        ("delete", "matmul(cosine_similarity(q, k), v)"),
        ("regrow", "matmul(matmul(q, transpose(k)), v)"),
        ("insert", "matmul(softmax(matmul(q, transpose(k))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"),
    ],
    AUTOBERT_ZERO[1]: [
        ("start", BERT_ATTENTION),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(neg(k))))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(logsigmoid(neg(k)))))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, neg(transpose(logsigmoid(neg(k))))))), v)"),
        ("rewire", "matmul(softmax(scale(matmul(q, neg(transpose(logsigmoid(neg(k))))))), q)"),
        ("insert", "matmul(softmax(scale(matmul(q, neg(transpose(logsigmoid(neg(k))))))), add(q, k))"),
    ],
    AUTOBERT_ZERO[5]: [  # and AUTOBERT_ZERO[7], which is the same
        ("start", BERT_ATTENTION),
        ("rewire", "matmul(softmax(scale(matmul(q, transpose(k)))), q)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(logsigmoid(k))))), q)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(k)))))), q)"),
    ],
    AUTOBERT_ZERO[3]: [
        ("start", AUTOBERT_ZERO[5]),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(add(q, k))))))), q)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(add(q, add(q, k)))))))), q)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(add(logsigmoid(q), add(q, k)))))))), q)"),
    ],
    AUTOBERT_ZERO[11]: [
        ("start", BERT_ATTENTION),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(add(k, v))))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(add(scale(k), v))))), v)"),
    ],
    AUTOBERT_ZERO[9]: [
        ("start", AUTOBERT_ZERO[11]),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(add(scale(k), add(k, v)))))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(add(scale(k), add(softsign(k), v)))))), v)"),
        ("insert", "matmul(softmax(scale(matmul(q, transpose(add(scale(k), add(scale(softsign(k)), v)))))), v)"),
        (
            "insert",
            "matmul(softmax(scale(matmul(q, transpose(add(scale(k), add(softsign(scale(softsign(k))), v)))))), v)",
        ),
    ],
}
"""How each target is made: the mutation, and what it gives."""

STEPS = {
    (before, mutation, after)
    for chain in CHAINS.values()
    for (_, before), (mutation, after) in itertools.pairwise(chain)
}


def test_chains_begin_at_random_or_where_another_ends() -> None:
    ends = {RANDOM}
    assert {BERT_ATTENTION, *AUTOBERT_ZERO[1::2]} <= set(CHAINS)
    for target, chain in CHAINS.items():
        assert chain[0][1] in ends
        assert chain[-1][1] == target
        ends.add(target)


@pytest.mark.parametrize(("before", "mutation", "after"), sorted(STEPS))
def test_each_step_is_what_its_mutation_can_give(before: str, mutation: str, after: str) -> None:
    candidate, rng = Candidate((before,)), random.Random(0)
    assert SPACE.rejection(candidate) is SPACE.rejection(Candidate((after,))) is None
    mutants = (MUTATIONS[mutation](candidate, SPACE, rng) for _ in range(TRIES))
    assert any(mutant is not None and mutant.layers == (after,) for mutant in mutants)


def test_layouts_reach_every_kernel_and_both_types() -> None:
    space, rng = SearchSpace(2, kernel_sizes=(3, 9, 65)), random.Random(0)
    swap, change = MUTATIONS["swap type"], MUTATIONS["change kernel"]
    convolutions, attentions = Candidate(("conv(3)",) * 2), Candidate((BERT_ATTENTION,) * 2)
    changed = {mutant.layers for _ in range(100) if (mutant := change(convolutions, space, rng))}
    assert changed == {("conv(9)", "conv(3)"), ("conv(65)", "conv(3)"), ("conv(3)", "conv(9)"), ("conv(3)", "conv(65)")}
    to = [mutant.layers for _ in range(100) if (mutant := swap(attentions, space, rng))]
    assert {layer for layers in to for layer in layers} == {BERT_ATTENTION, "conv(3)", "conv(9)", "conv(65)"}
    back = [mutant for _ in range(20) if (mutant := swap(convolutions, space, rng))]
    assert all(len(mutant.graphs) == 1 for mutant in back)
