"""What is each strategy's own; what they share is in tests/contracts/test_strategies.py."""

import math
import random
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import Mutations
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.operation_priority import OperationPriority
from autobert_zero_hf.search.strategy.optuna_strategy import OptunaStrategy
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Strategy

from autobert_zero_hf.model import parse_layer

SPACE = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=8)


def score(candidate: Candidate) -> Evaluation:
    """A landscape with an optimum that mutation can climb to: large kernels and softsigns."""
    if "conv(3)" in candidate.layers:
        return Evaluation(candidate, None, failure="not finite")
    value = sum(layer == "conv(65)" for layer in candidate.layers) + 0.2 * str(candidate.layers).count("softsign")
    return Evaluation(candidate, value)


def tell(strategy: Strategy, asked: list[Candidate], scores: list[float | None]) -> None:
    strategy.tell([Evaluation(candidate, value) for candidate, value in zip(asked, scores, strict=True)])


def run(generations: int, seed: int = 0, **options) -> tuple[OpNas, list[list[Candidate]]]:
    sizes = {"population_size": 10, "num_parents": 3, "num_children": 4}
    strategy = OpNas(SPACE, random.Random(seed), **{**sizes, **options})
    asked = []
    for _ in range(generations):
        asked.append(strategy.ask())
        strategy.tell([score(candidate) for candidate in asked[-1]])
    return strategy, asked


# OP-NAS


def test_generations_have_their_sizes() -> None:
    _, asked = run(12)
    assert [len(generation) for generation in asked] == [10] + [12] * 11


def test_a_child_differs_in_both_levels_or_in_one() -> None:
    changes = {
        levels: [candidate.origin.count(" in ") for asked in run(6, levels=levels)[1][1:] for candidate in asked]
        for levels in ("both", "one")
    }
    assert set(changes["one"]) == {1}
    assert changes["both"].count(2) > len(changes["both"]) / 2
    layouts = ("swap", "kernel")
    of_layout = [any(word in c.origin for word in layouts) for asked in run(6, levels="one")[1][1:] for c in asked]
    assert 0.25 < sum(of_layout) / len(of_layout) < 0.75
    with pytest.raises(ValueError, match="levels must be one of both, one, not 'all'"):
        run(1, levels="all")


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


def test_a_new_best_is_a_parent_at_once_and_a_failure_never() -> None:
    strategy = OpNas(SPACE, random.Random(0), 6, 2, 2)
    asked = strategy.ask()
    tell(strategy, asked, [0.3, None, 0.1, 0.5, 0.5, None])
    assert [parent.candidate for parent in strategy.parents()] == [asked[3], asked[4]]
    children = strategy.ask()
    assert [child.parent for child in children] == [asked[3].identity] * 2 + [asked[4].identity] * 2
    tell(strategy, children, [0.0, 0.9, None, None])
    assert [parent.candidate for parent in strategy.parents()] == [children[1], asked[3]]


def test_the_intra_layer_mutation_draws_by_priority_and_the_ablation_evenly() -> None:
    weights = []

    class Watched(Mutations):
        def graph(
            self, candidate: Candidate, space: SearchSpace, rng: random.Random, drawn_by: dict | None = None
        ) -> Candidate:
            weights.append(drawn_by)
            return super().graph(candidate, space, rng, drawn_by)

    strategy, _ = run(3, mutations=Watched())
    strategy.ask()
    assert weights[-1] == strategy.priority.probabilities()
    assert len({round(weight, 6) for weight in weights[-1].values()}) > 3
    weights.clear()
    ablated, _ = run(3, alpha=None, mutations=Watched())
    assert ablated.priority is None
    assert set(weights) == {None}


def test_a_crossover_takes_from_the_other_parents() -> None:
    strategy, _ = run(1, num_children=12, mutations=Mutations(("crossover",)))
    parents = {parent.candidate.identity for parent in strategy.parents()}
    crossed = [child for child in strategy.ask() if "crossover" in child.origin]
    assert crossed
    for child in crossed:
        mate = re.search(r"crossover with (\w+)", child.origin)[1]
        assert {mate, child.parent} <= parents and mate != child.parent
    evolution = RegularizedEvolution(SPACE, random.Random(0), 10, 4, 10, mutations=Mutations(("crossover",)))
    for _ in range(4):
        asked = evolution.ask()
        evolution.tell([score(candidate) for candidate in asked])
    assert any("crossover with" in candidate.origin for candidate in asked)


def test_priorities_by_hand() -> None:
    priority = OperationPriority(["softmax", "neg", "add"], alpha=0.5)
    priority.update(["softmax", "neg"], 0.2)
    priority.update(["softmax"], 0.6)
    priority.update(["softmax"], 0.3)
    priority.update(["neg"], None)
    # Of the three others 0.2 beats the failure, 0.3 two, 0.6 all. `add` counts as tried once: N = 3 + 2 + 1.
    assert priority.rewards() == pytest.approx([1 / 3, 1, 2 / 3, 0])
    log = math.log(6)
    wanted = {
        "softmax": 2 / 3 + 0.5 * math.sqrt(2 * log / 3),
        "neg": 1 / 6 + 0.5 * math.sqrt(2 * log / 2),
        "add": 1.0 + 0.5 * math.sqrt(2 * log),
    }
    assert priority.bounds() == pytest.approx(wanted)
    total = sum(math.exp(u) for u in wanted.values())
    assert priority.probabilities() == pytest.approx({name: math.exp(u) / total for name, u in wanted.items()})


def test_rewards_on_the_running_range_by_hand() -> None:
    priority = OperationPriority(["softmax"], alpha=0.0, scale="range")
    for value in (0.2, 0.6, None, 0.3):
        priority.update(["softmax"], value)
    assert priority.rewards() == pytest.approx([0, 1, 0, 0.25])
    assert priority.bounds() == pytest.approx({"softmax": 1.25 / 4})


def test_occurrences_and_temperature_by_hand() -> None:
    priority = OperationPriority(["softmax", "neg"], alpha=0.0, credit="occurrences", temperature=0.5)
    priority.update(["softmax", "softmax", "neg"], 2.0)
    priority.update(["neg"], 1.0)
    assert priority.bounds() == pytest.approx({"softmax": 1.0, "neg": 0.5})
    assert priority.probabilities()["softmax"] == pytest.approx(math.e / (math.e + 1))


@pytest.mark.parametrize("scale", ["ranks", "range"])
def test_rewards_where_there_is_nothing_to_compare(scale: str) -> None:
    priority = OperationPriority(["softmax", "neg"], alpha=1.0, scale=scale)
    assert priority.probabilities() == {"softmax": 0.5, "neg": 0.5}
    priority.update(["softmax"], None)
    assert priority.rewards() == [0.0]
    priority.update(["softmax"], 0.7)
    priority.update(["softmax"], 0.7)
    assert priority.rewards()[1] == priority.rewards()[2]
    assert sum(priority.probabilities().values()) == pytest.approx(1)


@pytest.mark.parametrize("scale", ["ranks", "range"])
def test_priorities_do_not_depend_on_the_scale_of_the_score(scale: str) -> None:
    chances = []
    for factor, shift in ((1.0, 0.0), (1000.0, -5.0)):
        priority = OperationPriority(["a", "b", "c"], alpha=1.0, scale=scale)
        for operations, value in ((["a"], 0.1), (["b", "a"], 0.4), (["c"], 0.2)):
            priority.update(operations, factor * value + shift)
        chances.append(priority.probabilities())
    assert chances[0] == pytest.approx(chances[1])


def test_an_outlier_moves_the_range_but_not_the_ranks() -> None:
    spread = {}
    for scale in ("ranks", "range"):
        priority = OperationPriority(["a", "b"], alpha=0.0, scale=scale)
        for name, value in (("a", 0.30), ("b", 0.40), ("a", 0.31), ("b", 0.41), ("a", -50.0)):
            priority.update([name], value)
        bounds = priority.bounds()
        spread[scale] = bounds["b"] - priority.rewards()[0]
    assert spread["ranks"] > 0.5
    assert spread["range"] < 0.01


# Random search


def test_random_search_is_sampling() -> None:
    strategy, rng = RandomSearch(SPACE, random.Random(3), 7), random.Random(3)
    for _ in range(3):
        asked = strategy.ask()
        assert asked == [SPACE.sample(rng) for _ in range(7)]
        strategy.tell([score(candidate) for candidate in asked])


# Regularised evolution


def test_the_oldest_leaves_the_population_and_not_the_worst() -> None:
    strategy = RegularizedEvolution(SPACE, random.Random(0), population_size=4, sample_size=2, generation_size=2)
    asked = strategy.ask()
    tell(strategy, asked, [0.9, 0.1, None, 0.2])
    children = strategy.ask()
    assert len(children) == 2
    tell(strategy, children, [0.0, 0.05])
    assert [evaluation.candidate for evaluation in strategy.population] == [*asked[2:], *children]


def test_the_best_of_a_tournament_is_the_parent_by_hand() -> None:
    rng = random.Random(0)
    strategy = RegularizedEvolution(SPACE, rng, population_size=5, sample_size=3, generation_size=1)
    asked = strategy.ask()
    tell(strategy, asked, [0.1, 0.5, None, 0.4, 0.2])
    for _ in range(20):
        again = random.Random()
        again.setstate(rng.getstate())
        contestants = [again.choice(strategy.population) for _ in range(3)]
        (child,) = strategy.ask()
        if child.origin == "random":
            assert all(evaluation.score is None for evaluation in contestants)
        elif not strategy.rejections:
            assert child.parent == max(contestants, key=lambda e: e.rank_key).candidate.identity
        strategy.rejections.clear()
        tell(strategy, [child], [0.3])


def test_the_larger_the_tournament_the_better_its_winner() -> None:
    mean_parent = {}
    for size in (1, 4, 16):
        strategy = RegularizedEvolution(SPACE, random.Random(0), 16, size, generation_size=100)
        asked = strategy.ask()
        values = dict(zip([candidate.identity for candidate in asked], range(16), strict=True))
        tell(strategy, asked, list(values.values()))
        mean_parent[size] = statistics.mean(values[child.parent] for child in strategy.ask())
    assert 6 < mean_parent[1] < 9 < mean_parent[4] < 14 < mean_parent[16] <= 15


def test_a_child_has_one_mutation_of_the_layout_or_of_a_graph() -> None:
    space = SearchSpace(num_layers=3, layer_types=("attention", "convolution"))
    strategy = RegularizedEvolution(space, random.Random(0), 20, 5, generation_size=60)
    asked = strategy.ask()
    parents = {candidate.identity: candidate for candidate in asked}
    tell(strategy, asked, [float(len(candidate.graphs)) for candidate in asked])
    kinds: Counter[bool] = Counter()
    for child in strategy.ask():
        changed = [old != new for old, new in zip(parents[child.parent].layers, child.layers, strict=True)]
        assert sum(changed) == 1
        place = changed.index(True)
        old, new = parents[child.parent].layers[place], child.layers[place]
        kinds[not old.startswith("conv(") and not new.startswith("conv(")] += 1
    assert min(kinds.values()) > 15


# Optuna


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"'autobert-zero-hf\[optuna\]'"):
        OptunaStrategy(SPACE, random.Random(0))


def test_the_study_holds_what_was_told() -> None:
    optuna = pytest.importorskip("optuna")
    states = optuna.trial.TrialState
    strategy = OptunaStrategy(
        SPACE, random.Random(0), generation_size=6, reject=lambda c: "small" if "conv(3)" in c.layers else None
    )
    asked = strategy.ask()
    tell(strategy, asked, [0.1, None, 0.3, 0.2, None, 0.5])
    told = [trial for trial in strategy.study.trials if trial.state is not states.PRUNED]
    assert [(trial.state, trial.value) for trial in told] == [
        (states.COMPLETE, 0.1),
        (states.FAIL, None),
        (states.COMPLETE, 0.3),
        (states.COMPLETE, 0.2),
        (states.FAIL, None),
        (states.COMPLETE, 0.5),
    ]
    assert len(strategy.study.trials) - len(told) == sum(strategy.rejections.values()) > 0
    assert strategy.study.best_value == 0.5
    types = [f"layer {n}, type of attention|convolution" for n in (1, 2, 3)]
    for trial, candidate in zip(told, asked, strict=True):
        assert [trial.params[name] == "attention" for name in types] == [
            parse_layer(line).mixer.graph is not None for line in candidate.layers
        ]


def test_a_sampler_learns_from_the_suggestions() -> None:
    pytest.importorskip("optuna")

    def attentions(sampler: str) -> float:
        strategy = OptunaStrategy(SearchSpace(num_layers=4), random.Random(0), sampler, generation_size=10)
        for _ in range(5):
            asked = strategy.ask()
            tell(strategy, asked, [float(len(candidate.graphs)) for candidate in asked])
        return statistics.mean(len(candidate.graphs) for candidate in asked)

    assert attentions("TPESampler") > attentions("RandomSampler") + 1


@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
def test_other_samplers_and_storages(tmp_path) -> None:
    optuna = pytest.importorskip("optuna")
    space = SearchSpace(num_layers=2, kernel_sizes=(3, 5), layer_types=("convolution",))
    strategy = OptunaStrategy(space, random.Random(0), optuna.samplers.BruteForceSampler(seed=0), generation_size=3)
    seen = []
    while asked := strategy.ask():
        seen += asked
        tell(strategy, asked, [1.0] * len(asked))
    assert len(seen) == 4
    url = f"sqlite:///{tmp_path / 'study.db'}"
    strategy = OptunaStrategy(SPACE, random.Random(0), "NSGAIISampler", url, "first", 3)
    asked = strategy.ask()
    tell(strategy, asked, [0.1, 0.2, None])
    assert optuna.load_study(study_name="first", storage=url).best_value == 0.2
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        OptunaStrategy(SPACE, random.Random(0), "NSGAIISampler", url, "first", 3)


# All of them, on a landscape

WORTH = {"softsign": 1.0, "add": 0.6, "softmax": 0.5, "scale": 0.4, "matmul": 0.3, "euclidean_distance": -0.5}
KERNELS = (65, 9, 3, 7)


def landscape(candidate: Candidate, seed: int) -> Evaluation:
    """The operations' worth by their share, a large reward for a softmax in a product, wanted kernels by depth; noise.

    A formula with both a distance and a logarithm fails.
    """
    total = 0.0
    for line, wanted in zip(candidate.layers, KERNELS, strict=True):
        mixer = parse_layer(line).mixer
        if mixer.graph is None:
            total += 0.3 - 0.1 * abs(math.log2(mixer.values["kernel_size"] / wanted))
            continue
        names = [node.name for node in mixer.graph.operations]
        if {"euclidean_distance", "logsigmoid"} <= set(names):
            return Evaluation(candidate, None, failure="not finite")
        total += statistics.mean(WORTH.get(name, 0.0) for name in names) + 0.3 * ("matmul(softmax(" in line)
    noise = random.Random(f"{seed}/{candidate.identity}").gauss(0, 0.02)
    return Evaluation(candidate, total / len(KERNELS) + noise)


def best_of(make: Callable[[SearchSpace, random.Random], Strategy], seed: int, evaluations: int = 100) -> float:
    space = SearchSpace(num_layers=len(KERNELS), max_operations=6)
    strategy = make(space, random.Random(seed))
    done: list[Evaluation] = []
    while len(done) < evaluations:
        asked = strategy.ask()[: evaluations - len(done)]
        done += (evaluated := [landscape(candidate, seed) for candidate in asked])
        strategy.tell(evaluated)
    return max(evaluation.rank_key for evaluation in done)


@pytest.fixture(scope="module")
def best_of_random_search() -> list[float]:
    return [best_of(lambda space, rng: RandomSearch(space, rng), seed) for seed in range(10)]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda space, rng: OpNas(space, rng, 20, 5, 2), id="OP-NAS"),
        pytest.param(
            lambda space, rng: OpNas(space, rng, 20, 5, 2, 0.3, credit="occurrences", temperature=0.03),
            id="OP-NAS, sharp",
        ),
        pytest.param(lambda space, rng: OpNas(space, rng, 20, 5, 2, alpha=None), id="OP-NAS, even"),
        pytest.param(lambda space, rng: RegularizedEvolution(space, rng, 20, 6, 10), id="regularised evolution"),
    ],
)
def test_evolution_beats_random_search(
    make: Callable[[SearchSpace, random.Random], Strategy], best_of_random_search: list[float]
) -> None:
    """Paired by seed, at the same number of evaluations."""
    gains = [best_of(make, seed) - of_random for seed, of_random in enumerate(best_of_random_search)]
    assert statistics.median(gains) > 0.05
    assert sum(gain > 0 for gain in gains) >= 8
