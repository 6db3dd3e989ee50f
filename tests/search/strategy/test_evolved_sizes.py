"""The evolved search of AutoTinyBERT, as its paper has it."""

import random
from collections import Counter

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.evolved_sizes import EvolvedSizes
from autobert_zero_hf.search.strategy.random_search import RandomSearch

from autobert_zero_hf.model import architecture

SPACE = SubModels(tuple(architecture("bert", 8)), SizesSpace.within(Sizes(8, 768, 3072, 12, 64), "heads"))


def score(candidate: Candidate) -> Evaluation:
    """A smooth landscape with one summit in the middle of the space."""
    sizes = candidate.sizes
    assert sizes is not None
    distances = (
        sizes.hidden_size / 768 - 0.6,
        sizes.intermediate_size / 3072 - 0.4,
        sizes.num_attention_heads / 12 - 0.5,
        sizes.num_hidden_layers / 8 - 0.6,
    )
    return Evaluation(candidate, -sum(map(abs, distances)))


def drive(strategy, generations: int) -> list[Evaluation]:
    told = []
    for _ in range(generations):
        told += [score(candidate) for candidate in strategy.ask()]
        strategy.tell(told[-strategy.generation_size :])
    return told


def test_half_are_fresh_and_half_are_mutants_of_the_best_25() -> None:
    strategy = EvolvedSizes(SPACE, random.Random(0), generation_size=20)
    told = drive(strategy, 10)
    assert [e.candidate.parent for e in told[:20]] == [None] * 20
    for first in range(20, 200, 20):
        best = {e.candidate.identity for e in sorted(told[:first], key=lambda e: -e.rank_key)[:25]}
        assert {e.candidate.parent for e in told[first : first + 20]} - {None} <= best
    mutants = sum(e.candidate.parent is not None for e in told[20:])
    assert 65 < mutants < 115, "of 180; three standard deviations"
    assert [e.candidate for e in strategy.parents] == [
        e.candidate for e in sorted(told, key=lambda e: -e.rank_key)[:25]
    ]


def test_the_wheel_favours_the_better_and_never_takes_the_worst() -> None:
    strategy = EvolvedSizes(SPACE, random.Random(0), num_parents=3, generation_size=3)
    asked = strategy.ask()
    strategy.tell([Evaluation(c, s) for c, s in zip(asked, (1.0, 4.0, 2.0), strict=True)])
    strategy.generation_size = 100
    drawn = Counter(child.parent for child in strategy.ask() if child.parent)
    assert set(drawn) == {asked[1].identity, asked[2].identity}
    # Weights 3 and 1, of about fifty; two standard deviations and a half.
    assert 0.6 < drawn[asked[1].identity] / drawn.total() < 0.9


def test_half_are_random_however_few_of_those_keep_to_a_budget() -> None:
    """Of random sizes hardly any does, of what is mutated from those that do, most."""

    def reject(candidate: Candidate) -> str | None:
        sizes = candidate.sizes
        assert sizes is not None
        return None if sizes.num_hidden_layers == 4 and 400 <= sizes.hidden_size <= 432 else "another budget"

    strategy = EvolvedSizes(SPACE, random.Random(0), num_parents=5, generation_size=5, reject=reject)
    strategy.tell([Evaluation(candidate, float(score)) for score, candidate in enumerate(strategy.ask())])
    strategy.generation_size = 100
    fresh = [child.parent is None for child in strategy.ask()]
    assert len(fresh) == 100
    # Two standard deviations and a half.
    assert 37 <= sum(fresh) <= 63


def test_of_equal_ones_any_is_a_parent() -> None:
    strategy = EvolvedSizes(SPACE, random.Random(0), num_parents=4, generation_size=4)
    asked = strategy.ask()
    strategy.tell([Evaluation(candidate, 0.5) for candidate in asked])
    strategy.generation_size = 100
    assert {child.parent for child in strategy.ask()} == {None, *(candidate.identity for candidate in asked)}


@pytest.mark.parametrize("evaluations", [100])
def test_it_finds_better_ones_than_random_search(evaluations: int) -> None:
    """On the mean of ten seeds, at equal evaluations."""

    def best(make) -> float:
        return sum(max(e.rank_key for e in drive(make(random.Random(seed)), evaluations // 10)) for seed in range(10))

    assert best(lambda rng: EvolvedSizes(SPACE, rng, generation_size=10)) > best(lambda rng: RandomSearch(SPACE, rng))
