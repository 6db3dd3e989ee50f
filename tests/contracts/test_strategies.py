"""What every strategy promises, whatever its algorithm."""

import importlib.util
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rich.style  # noqa: F401  # it draws random numbers when it is first imported, as by scikit-learn
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace, Steps
from autobert_zero_hf.search.space.space import Space
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.evolved_sizes import EvolvedSizes
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.optuna_strategy import OptunaStrategy
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.screened import Screened
from autobert_zero_hf.search.strategy.strategy import Proposals, Reject, Strategy
from autobert_zero_hf.search.strategy.table import STRATEGIES, StrategyContext, make_strategy

from autobert_zero_hf.model.architectures import BERT_ATTENTION

SPACE = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=8)
SIZES = SizesSpace.within(Sizes(3, 256, 512, 4, 64), "heads")
JOINT = SearchSpace(num_layers=3, kernel_sizes=(3, 9, 65), max_operations=8, sizes=SIZES)
SUB_MODELS = SubModels(("conv(9)", BERT_ATTENTION, BERT_ATTENTION), SIZES)
Make = Callable[[Any, int, Reject | None], Strategy]


def length(candidate: Candidate) -> float:
    """A cheap measure."""
    return float(len(" ".join(candidate.layers)))


def of_table(name: str, **options: Any) -> Make:
    """A strategy as a recipe makes it, with some of its own options."""

    def make(space: Space, seed: int, reject: Reject | None) -> Strategy:
        own = STRATEGIES[name].options
        context = StrategyContext(space, random.Random(seed), reject, population=10, parents=3, children=2)
        return make_strategy(name, own and own(**options), context)

    return make


def searches(name: str, space: Space) -> bool:
    """Whether a strategy is for such a space, or says that it is not."""
    try:
        of_table(name)(space, 0, None)
    except ValueError as error:
        assert f"the strategy {name} searches" in str(error)
        return False
    return True


def screened(make: Make) -> Make:
    return lambda space, seed, reject: Screened(make(space, seed, reject), length, 0.6)


NAMES = [name for name in STRATEGIES if name != "optuna" or importlib.util.find_spec("optuna")]
VARIANTS: dict[str, Make] = {
    "op-nas on the range": of_table(
        "op-nas", alpha=0.3, reward_scale="range", operation_credit="occurrences", temperature=0.1
    ),
    "op-nas, one level": of_table("op-nas", levels="one"),
    "op-nas, screened": screened(
        lambda space, seed, reject: OpNas(space, random.Random(seed), 12, 4, 4, reject=reject)
    ),
    "evolution, screened": screened(
        lambda space, seed, reject: RegularizedEvolution(space, random.Random(seed), 30, 3, 12, reject)
    ),
    **({"optuna, random": of_table("optuna", sampler="RandomSampler")} if "optuna" in NAMES else {}),
}
OF_LAYERS: dict[str, Make] = {**{name: of_table(name) for name in NAMES if searches(name, SPACE)}, **VARIANTS}
CASES: dict[str, tuple[Make, Space]] = {
    **{name: (make, SPACE) for name, make in OF_LAYERS.items()},
    **{f"{name}, joint": (of_table(name), JOINT) for name in NAMES if searches(name, JOINT)},
    **{f"{name}, joint": (VARIANTS[name], JOINT) for name in ("op-nas, one level", "evolution, screened")},
    **{f"{name}, sub-models": (of_table(name), SUB_MODELS) for name in NAMES if searches(name, SUB_MODELS)},
}
"""Each strategy in each space that it can search."""


def test_the_table_has_strategies_for_each_space() -> None:
    assert {"op-nas", "evolution", "random"} <= set(OF_LAYERS)
    assert {"fast, sub-models", "evolved, sub-models", "random, sub-models"} <= set(CASES)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Make, Space]:
    return CASES[request.param]


@pytest.fixture
def make(case: tuple[Make, Space]) -> Make:
    return lambda space=case[1], seed=0, reject=None: case[0](space, seed, reject)


@pytest.fixture
def space(case: tuple[Make, Space]) -> Space:
    return case[1]


@pytest.fixture(autouse=True)
def _global_random_state_is_not_touched() -> Iterator[None]:
    before = random.getstate()
    yield
    assert random.getstate() == before


def too_dear(candidate: Candidate) -> bool:
    """Large kernels, or, of equal layers, wide hidden states."""
    return "conv(65)" in candidate.layers or (candidate.sizes is not None and candidate.sizes.hidden_size > 224)


def score(candidate: Candidate) -> Evaluation:
    """Large kernels and softsigns are good, and small sizes; a small kernel in front fails, and one head."""
    if candidate.layers[0] == "conv(3)" or (candidate.sizes is not None and candidate.sizes.num_attention_heads == 1):
        return Evaluation(candidate, None, failure="not finite")
    small = 0.0 if candidate.sizes is None else 1.0 - candidate.sizes.hidden_size / 256
    layers = str(candidate.layers)
    return Evaluation(candidate, layers.count("65") + 0.2 * layers.count("softsign") + small)


def drive(
    strategy: Strategy, generations: int, evaluate: Callable[[Candidate], Evaluation] = score
) -> list[list[Candidate]]:
    asked = []
    for _ in range(generations):
        asked.append(strategy.ask())
        strategy.tell([evaluate(candidate) for candidate in asked[-1]])
    return asked


of_layers = pytest.mark.parametrize("case", [CASES[name] for name in OF_LAYERS], ids=OF_LAYERS)
"""Those that need no sizes, without them."""


def everything(asked: list[list[Candidate]]) -> list[Candidate]:
    return [candidate for generation in asked for candidate in generation]


def test_the_same_seed_and_results_give_the_same_candidates(make: Make) -> None:
    first, second = drive(make(), 4), drive(make(), 4)
    assert [[(c.layers, c.parent, c.origin) for c in generation] for generation in first] == [
        [(c.layers, c.parent, c.origin) for c in generation] for generation in second
    ]


def test_another_seed_gives_others(make: Make) -> None:
    assert drive(make(), 2) != drive(make(seed=1), 2)


def test_nothing_is_asked_twice_and_all_is_in_the_space(make: Make, space: Space) -> None:
    candidates = everything(drive(make(), 8))
    assert len(candidates) > 35
    assert len({candidate.identity for candidate in candidates}) == len(candidates)
    assert {space.rejection(candidate) for candidate in candidates} == {None}


@of_layers
def test_other_spaces(make: Make) -> None:
    for options in (
        {"layer_types": ("attention",), "inputs": ("q", "k"), "max_depth": 3},
        {"layer_types": ("convolution",)},
        {"shared_attention": True, "operations": ("matmul", "transpose", "softmax", "add")},
    ):
        space = SearchSpace(num_layers=4, max_operations=6, **options)
        candidates = everything(drive(make(space), 3))
        assert len(candidates) >= 15
        assert {space.rejection(candidate) for candidate in candidates} == {None}


def test_a_small_joint_space_is_searched_through() -> None:
    """Of 2 kernels, 1 or 2 layers and 3 hidden sizes: (2 + 4) * 3."""
    sizes = SizesSpace(Steps(1, 2), Steps(16, 48, 16), Steps(32, 32), Steps(2, 2), Steps(8, 8))
    space = SearchSpace(2, kernel_sizes=(3, 5), layer_types=("convolution",), sizes=sizes)
    for name, build in OF_LAYERS.items():
        if "screened" in name:  # leaves out a part of each generation
            continue
        strategy = build(space, 0, None)
        seen: list[Candidate] = []
        while asked := strategy.ask():
            seen += asked
            strategy.tell([Evaluation(candidate, random.Random(candidate.identity).random()) for candidate in asked])
        assert len(seen) == len({candidate.identity for candidate in seen}) == 18, name


def test_what_is_rejected_is_not_asked_and_counted(make: Make) -> None:
    shown: list[str] = []
    rejected: list[str] = []

    def reject(candidate: Candidate) -> str | None:
        shown.append(candidate.identity)
        if not too_dear(candidate):
            return None
        rejected.append(candidate.identity)
        return "over the budget"

    strategy = make(reject=reject)
    candidates = everything(drive(strategy, 6))
    assert len(candidates) > 20
    assert not any(map(too_dear, candidates))
    assert len(shown) == len(set(shown))
    assert {candidate.identity for candidate in candidates} <= set(shown)
    assert strategy.rejections["over the budget"] == len(rejected) > 0
    assert set(strategy.rejections) <= {"over the budget", "duplicate", "screened out"}


def test_all_rejected_is_the_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autobert_zero_hf.search.strategy.strategy._REJECTED", 100)  # the same end, sooner
    strategy = make(reject=lambda candidate: "no")
    assert strategy.ask() == []
    assert set(strategy.rejections) <= {"no", "duplicate"}


def test_a_generation_that_fails_is_survived(make: Make) -> None:
    strategy = make()
    failed = everything(drive(strategy, 2, lambda candidate: Evaluation(candidate, None, failure="out of memory")))
    later = everything(drive(strategy, 4))
    assert failed
    assert len(later) >= 20
    assert not {c.identity for c in failed} & {c.parent for c in later}
    drive(strategy, 1, lambda candidate: Evaluation(candidate, None, failure="out of memory"))
    assert strategy.ask()


@of_layers
def test_a_small_space_is_searched_through(make: Make) -> None:
    space = SearchSpace(num_layers=2, kernel_sizes=(3, 5, 7), layer_types=("convolution",))
    strategy = make(space)
    seen: list[Candidate] = []
    while asked := strategy.ask():
        seen += asked
        strategy.tell([Evaluation(candidate, random.Random(candidate.identity).random()) for candidate in asked])
    assert len(seen) == len({candidate.identity for candidate in seen}) == 9 - strategy.rejections["screened out"]
    assert strategy.ask() == []
    assert strategy.rejections["duplicate"] > 0


def test_replay_comes_to_the_same_state(make: Make) -> None:
    """A search that is taken up again: asked and told as before, by a new object."""
    strategy = make()
    known = {e.candidate.identity: e for e in map(score, everything(drive(strategy, 3)))}
    again = make()
    drive(again, 3, lambda candidate: known[candidate.identity])
    assert drive(again, 2) == drive(strategy, 2)
    assert again.rejections == strategy.rejections


def test_the_order_of_asking_counts_and_not_that_of_arriving(make: Make) -> None:
    straight, shuffled = make(), make()
    for _ in range(3):
        asked = straight.ask()
        assert shuffled.ask() == asked
        straight.tell([score(candidate) for candidate in asked])
        shuffled.tell([score(candidate) for candidate in reversed(asked)])


def test_a_generation_may_be_cut_short(make: Make) -> None:
    strategy = make()
    for _ in range(4):
        strategy.tell([score(candidate) for candidate in strategy.ask()[:2]])
    assert strategy.ask()


def test_only_what_was_asked_is_told_and_once(make: Make) -> None:
    strategy = make()
    asked = strategy.ask()
    stranger = Candidate(("conv(65)", "conv(65)", "conv(9)"))
    for wrong in ([score(stranger)], [score(asked[0])] * 2):
        with pytest.raises(ValueError, match=r"not asked for, or twice: .+"):
            strategy.tell(wrong)
    strategy.tell([score(candidate) for candidate in asked])
    with pytest.raises(ValueError, match="not asked for, or twice"):
        strategy.tell([score(asked[0])])


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        (OpNas, {"population_size": 0, "num_parents": 0}, "at least 1: population_size=0, num_parents=0"),
        (OpNas, {"num_children": -1}, "at least 1: num_children=-1"),
        (OpNas, {"alpha": -1.0}, "alpha must be at least 0"),
        (OpNas, {"alpha": float("nan")}, "alpha must be at least 0"),
        (OpNas, {"temperature": 0.0}, "temperature must be greater than 0"),
        (OpNas, {"credit": "blame"}, "presence, occurrences, not 'blame'"),
        (OpNas, {"scale": "score"}, "ranks, range, not 'score'"),
        (RandomSearch, {"generation_size": 0}, "at least 1: generation_size=0"),
        (EvolvedSizes, {"num_parents": 0}, "at least 1: num_parents=0"),
        (EvolvedSizes, {}, "the strategy evolved searches sizes, and here all candidates have the same"),
        (RegularizedEvolution, {"population_size": 0}, "at least 1: population_size=0"),
        (RegularizedEvolution, {"population_size": 5, "sample_size": 6}, "sample_size=6 must not exceed"),
        (RegularizedEvolution, {"generation_size": 0}, "at least 1: generation_size=0"),
        (Screened, {"worth": length, "keep": 0.0}, "above 0 and at most 1, not 0"),
        (Screened, {"worth": length, "keep": 1.5}, "above 0 and at most 1, not 1.5"),
        (OptunaStrategy, {"generation_size": 0}, "at least 1: generation_size=0"),
        (OptunaStrategy, {"sampler": "BestSampler"}, "no sampler 'BestSampler', but .*TPESampler"),
        (OptunaStrategy, {"sampler": "GridSampler"}, "GridSampler needs more than a seed"),
    ],
)
def test_arguments_out_of_range_are_refused(strategy: type, options: dict, message: str) -> None:
    if "sampler" in options:
        pytest.importorskip("optuna")
    arguments = [RandomSearch(SPACE, random.Random(0))] if strategy is Screened else [SPACE, random.Random(0)]
    with pytest.raises(ValueError, match=message):
        strategy(*arguments, **options)


def test_screening_asks_for_the_best_of_what_is_proposed() -> None:
    proposed = RandomSearch(SPACE, random.Random(0), 9).ask()
    screened = Screened(RandomSearch(SPACE, random.Random(0), 9), length, 0.3)
    asked = screened.ask()
    assert len(asked) == 3
    left = [candidate for candidate in proposed if candidate not in asked]
    assert min(map(length, asked)) >= max(map(length, left))
    assert [candidate for candidate in proposed if candidate in asked] == asked
    assert screened.rejections == {"screened out": 6}
    assert screened.worth == {candidate.identity: length(candidate) for candidate in proposed}


def test_proposals_give_up() -> None:
    with pytest.raises(ValueError, match="tries must be at least 1"):
        Proposals(SPACE, tries=0)
    proposals = Proposals(SPACE, tries=7)
    same = SPACE.sample(random.Random(0))
    assert proposals.generation(lambda: same, 3) == [same]
    assert proposals.rejections == {"duplicate": 7}
    assert proposals.draw(lambda: Candidate(("conv(3)",))) is None
    assert proposals.rejections == {"duplicate": 14, "outside the space": 1}


def test_what_few_keep_to_is_found_though_many_are_rejected() -> None:
    """One draw in 400 is not rejected, as where a budget is near the largest sizes."""
    numbers = itertools.count(1)
    large = SubModels((BERT_ATTENTION,) * 8, SizesSpace.within(Sizes(8, 768, 3072, 12, 64), "heads"))
    strategy = RandomSearch(large, random.Random(0), 2, lambda _: None if next(numbers) % 400 == 0 else "too slow")
    assert len(strategy.ask()) == 2
    assert strategy.rejections["too slow"] == 798
