import math
import random

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.operation_priority import OperationPriority

SPACE = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=8)


def score(candidate: Candidate) -> Evaluation:
    """A landscape with an optimum that mutation can climb to: large kernels and softsigns."""
    if "conv(3)" in candidate.layers:
        return Evaluation(candidate, None, failure="not finite")
    value = sum(layer == "conv(65)" for layer in candidate.layers) + 0.2 * str(candidate.layers).count("softsign")
    return Evaluation(candidate, value)


def run(generations: int, seed: int = 0, **options) -> tuple[OpNas, list[list[Candidate]]]:
    sizes = {"population_size": 10, "num_parents": 3, "num_children": 4}
    strategy = OpNas(SPACE, random.Random(seed), **{**sizes, **options})
    asked = []
    for _ in range(generations):
        asked.append(strategy.ask())
        strategy.tell([score(candidate) for candidate in asked[-1]])
    return strategy, asked


def test_generations_have_their_sizes_and_nothing_comes_twice() -> None:
    _, asked = run(12)
    assert [len(generation) for generation in asked] == [10] + [12] * 11
    identities = [candidate.identity for generation in asked for candidate in generation]
    assert len(set(identities)) == len(identities)


def test_the_same_seed_gives_the_same_search_and_another_does_not() -> None:
    assert run(5)[1] == run(5)[1]
    assert run(5)[1] != run(5, seed=1)[1]


def test_children_name_their_parents_which_are_the_best_so_far() -> None:
    strategy = OpNas(SPACE, random.Random(0), 10, 3, 4)
    for _ in range(6):
        best = {e.candidate.identity for e in sorted(strategy.population, key=lambda e: -e.rank_key)[:3]}
        asked = strategy.ask()
        assert {candidate.parent for candidate in asked} == (best or {None})
        assert all(" in layer " in candidate.origin for candidate in asked if candidate.parent)
        strategy.tell([score(candidate) for candidate in asked])


def test_it_climbs_and_failures_have_no_children() -> None:
    strategy, asked = run(12)
    first = max(score(candidate).rank_key for candidate in asked[0])
    assert max(e.rank_key for e in strategy.population) > first + 1
    failed = {e.candidate.identity for e in strategy.population if e.score is None}
    assert failed
    assert not failed & {candidate.parent for generation in asked[1:] for candidate in generation}


def test_an_exhausted_space_ends_the_search() -> None:
    tiny = SearchSpace(num_layers=1, kernel_sizes=(3,), operations=("matmul", "transpose"), max_operations=3)
    strategy = OpNas(tiny, random.Random(0), 50, 2, 2)
    seen = []
    while asked := strategy.ask():
        seen += asked
        strategy.tell([Evaluation(candidate, 0.0) for candidate in asked])
    assert len(seen) == len({candidate.identity for candidate in seen}) < 50


def test_priorities_by_hand() -> None:
    priority = OperationPriority(["softmax", "neg", "add"], alpha=0.5)
    priority.update(["softmax", "neg"], 0.2)
    priority.update(["softmax"], 0.6)
    # On the scale of the run 0.2 is 0 and 0.6 is 1; `add` counts as tried once, so N = 2 + 1 + 1.
    log = math.log(4)
    wanted = {
        "softmax": 0.5 + 0.5 * math.sqrt(2 * log / 2),
        "neg": 0.0 + 0.5 * math.sqrt(2 * log),
        "add": 1.0 + 0.5 * math.sqrt(2 * log),
    }
    assert priority.bounds() == pytest.approx(wanted)
    total = sum(math.exp(u) for u in wanted.values())
    assert priority.probabilities() == pytest.approx({name: math.exp(u) / total for name, u in wanted.items()})


def test_priorities_do_not_depend_on_the_scale_of_the_score() -> None:
    chances = []
    for scale, shift in ((1.0, 0.0), (1000.0, -5.0)):
        priority = OperationPriority(["a", "b", "c"], alpha=1.0)
        for operations, value in ((["a"], 0.1), (["b", "a"], 0.4), (["c"], 0.2)):
            priority.update(operations, scale * value + shift)
        chances.append(priority.probabilities())
    assert chances[0] == pytest.approx(chances[1])


@pytest.mark.parametrize("options", [{"population_size": 0}, {"num_parents": 0}, {"num_children": 0}, {"alpha": -1.0}])
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="at least"):
        run(1, **options)
