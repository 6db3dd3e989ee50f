"""Local search: it goes to the best neighbour, and elsewhere when none is better."""

import random
from collections.abc import Sequence

from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.local_search import LocalSearch

SPACE = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=6)


def tell(strategy: LocalSearch, asked: Sequence[Candidate], scores: Sequence[float | None]) -> None:
    strategy.tell([Evaluation(candidate, score) for candidate, score in zip(asked, scores, strict=True)])


def parents(asked: Sequence[Candidate]) -> set[str | None]:
    return {candidate.parent for candidate in asked}


def test_it_goes_to_the_best_neighbour_and_elsewhere_when_none_is_better() -> None:
    strategy = LocalSearch(SPACE, random.Random(0), population_size=4, generation_size=3, restart_after=2)
    first = strategy.ask()
    assert len(first) == 4 and parents(first) == {None}
    tell(strategy, first, [0.1, 0.5, 0.5, None])
    second = strategy.ask()
    assert len(second) == 3 and parents(second) == {first[1].identity}, "of two equal ones the earlier"
    tell(strategy, second, [0.2, 0.6, None])
    third = strategy.ask()
    assert parents(third) == {second[1].identity}
    tell(strategy, third, [0.6, 0.1, 0.1])  # as good is not better
    fourth = strategy.ask()
    assert parents(fourth) == {second[1].identity}
    tell(strategy, fourth, [None, None, None])
    elsewhere = strategy.ask()
    assert len(elsewhere) == 3 and parents(elsewhere) == {None}
    tell(strategy, elsewhere, [0.0, 0.3, 0.2])
    assert parents(strategy.ask()) == {elsewhere[1].identity}, "worse than where it was, and the best from here"


def test_a_neighbour_is_one_change_away() -> None:
    strategy = LocalSearch(SPACE, random.Random(0), population_size=2, generation_size=20)
    first = strategy.ask()
    tell(strategy, first, [0.0, 1.0])
    for neighbour in strategy.ask():
        assert sum(one != other for one, other in zip(neighbour.layers, first[1].layers, strict=True)) == 1
        assert neighbour.origin.count(" in layer ") == 1
