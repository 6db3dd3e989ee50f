"""The best assembly within a budget, against all of them."""

import random
from itertools import product

import pytest
from autobert_zero_hf.search.blocks.assembly import (
    Improvement,
    Option,
    best_assembly,
    loss_of,
    price_of,
    random_assemblies,
    rank_correlation,
)
from autobert_zero_hf.search.blocks.dropping import ways_to_drop
from autobert_zero_hf.search.blocks.parts import WHOLE, Part
from hypothesis import given, settings
from hypothesis import strategies as st


def random_options(rng: random.Random, layers: int = 4, each: int = 5) -> list[list[Option]]:
    """Of each layer some options, the last of which leaves it out."""
    return [
        [
            *(
                Option((Part(layer, WHOLE, f"conv({2 * n + 1})"),), rng.uniform(1, 5), rng.uniform(0, 1))
                for n in range(each)
            ),
            Option((Part(layer, WHOLE, ""),), 0.0, rng.uniform(0, 2)),
        ]
        for layer in range(layers)
    ]


def all_of(options: list[list[Option]], budget: float) -> list[tuple[int, ...]]:
    """All assemblies within a budget that keep a layer."""
    last = len(options[0]) - 1
    every = product(*(range(len(each)) for each in options))
    return [each for each in every if price_of(options, each) <= budget and set(each) != {last}]


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.floats(0, 20))
def test_it_is_the_best_of_all_within_the_budget(seed: int, budget: float) -> None:
    options = random_options(random.Random(seed))
    found, every = best_assembly(options, budget), all_of(options, budget)
    if not every:
        assert found is None
        return
    assert found in every
    assert loss_of(options, found) == pytest.approx(min(loss_of(options, each) for each in every))


@settings(max_examples=4)
@given(st.integers(0, 2**31))
def test_the_evolution_keeps_to_the_budget_and_is_never_worse_than_where_it_began(seed: int) -> None:
    rng = random.Random(seed)
    options = random_options(rng)
    budget = rng.uniform(3, 15)
    start = best_assembly(options, budget)
    assert start is not None
    # What swaps do to each other: as if each pair of layers had a loss of its own.
    pairs = {(i, j, a, b): rng.uniform(0, 0.5) for i in range(4) for j in range(i) for a in range(6) for b in range(6)}

    def error(assembly: tuple[int, ...]) -> float:
        return loss_of(options, assembly) + sum(
            pairs[i, j, assembly[i], assembly[j]] for i in range(4) for j in range(i)
        )

    search = Improvement(options, budget, [start], str(seed))
    best = search.run(error, 30)
    assert best.error <= error(start)
    assert set(search.tried) <= set(all_of(options, budget))
    assert len(search.tried) == min(30, len(search.tried)) and best.error == min(map(error, search.tried))
    again = Improvement(options, budget, [start], str(seed))
    again.run(error, 30)
    assert list(again.tried) == list(search.tried), "the same for the same seed"


def test_the_evolution_finds_what_the_sums_do_not_know() -> None:
    better = []
    for seed in range(6):
        rng = random.Random(seed)
        options = random_options(rng)
        noise = {(layer, n): rng.lognormvariate(0, 0.5) for layer in range(4) for n in range(6)}

        def error(assembly: tuple[int, ...], options: list[list[Option]] = options, noise: dict = noise) -> float:
            return sum(options[layer][n].loss * noise[layer, n] for layer, n in enumerate(assembly))

        start = best_assembly(options, 8.0)
        assert start is not None
        best = Improvement(options, 8.0, [start], str(seed)).run(error, 30)
        least = min(map(error, all_of(options, 8.0)))
        better.append((error(start) - best.error) / max(1e-9, error(start) - least) if error(start) > least else 1.0)
    assert sum(better) / len(better) > 0.8


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(3, 15))
def test_random_assemblies_are_near_the_budget_each_once_and_of_all_sorts(seed: int, budget: float) -> None:
    options = random_options(random.Random(seed))
    found = list(random_assemblies(options, budget, 30, str(seed)))
    near = [each for each in all_of(options, budget) if price_of(options, each) >= 0.9 * budget]
    assert len(found) == len(set(found)) <= 30 and set(found) <= set(near)
    assert len(found) >= min(30, len(near)) / 2
    assert found == list(random_assemblies(options, budget, 30, str(seed)))


def test_the_rank_correlation_is_that_of_all_pairs() -> None:
    assert rank_correlation([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx((5 - 1) / 6)
    assert rank_correlation([1, 2], [1, 2]) is rank_correlation([1, 2, 3], [1, 1, 1]) is None


def test_as_few_layers_as_can_be_are_left_out() -> None:
    assert ways_to_drop([1.0, 2.0, 1.0], 3.0, "") == [(0, 1), (0, 2), (1, 2)]
    assert ways_to_drop([1.0, 2.0, 1.0], 2.5, "") == [(0, 2)]
    assert ways_to_drop([1.0, 2.0, 1.0], 1.0, "") == [(0,), (2,)]
    assert ways_to_drop([1.0, 2.0, 1.0], 0.5, "") == []
    many = ways_to_drop([1.0] * 24, 12.0, "0")
    assert len(many) == len(set(many)) == 24 and all(len(way) == 12 for way in many)
    assert many == ways_to_drop([1.0] * 24, 12.0, "0") != ways_to_drop([1.0] * 24, 12.0, "1")
