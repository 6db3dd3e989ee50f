"""A search whose strategy, proxy and space are objects of Python."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState
from autobert_zero_hf.search import Recipe, search
from autobert_zero_hf.search.proxies.proxy import Score
from autobert_zero_hf.search.proxies.table import ProxyContext
from autobert_zero_hf.search.publish.facts import read_facts
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.run.objects import Objects
from autobert_zero_hf.search.runtime.journal import JournalError
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.given import Given
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm
from tests.search.old_journals import OLD
from tests.search.small_search import in_order, journal, rewrite

RECIPE = {
    "text": [str(OLD / "text.txt")], "vocab_size": 400, "sequence_length": 16, "num_layers": 2, "hidden_size": 16,
    "intermediate_size": 32, "supernet_steps": 4, "candidate_steps": 1, "candidates": 6, "evaluation_rows": 10,
    "final_steps": 1, "mixed_precision": "no",
}  # fmt: skip
WIDE = SearchSpace(2, kernel_sizes=(11, 13), layer_types=("convolution", "attention"), max_operations=6)


class Doubled:
    """Twice the accuracy, on the rows of a search."""

    def prepared(self, context: ProxyContext) -> Callable[..., Score]:
        def proxy(model: Any, after_step: Callable[[int], None]) -> Score:
            score = evaluate_masked_lm(model, context.evaluation)
            return Score(2 * score.value, score.standard_error)

        return proxy


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def evolution(seed: int = 0) -> RegularizedEvolution:
    return RegularizedEvolution(WIDE, random.Random(seed), population_size=3, sample_size=2, generation_size=2)


def run(folder: Path, **objects: Any) -> Path:
    given = {"strategy": evolution(), "proxy": Doubled(), "space": WIDE, **objects}
    return search(Recipe.from_dict(RECIPE), folder, **given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects") / "whole"
    run(folder)
    return folder


def test_the_journal_names_them_and_what_was_found_is_of_the_space(whole: Path) -> None:
    start, *events = journal(whole)
    assert start["objects"] == {
        "strategy": "autobert_zero_hf.search.strategy.regularized_evolution.RegularizedEvolution",
        "proxy": f"{__name__}.Doubled",
        "space": "autobert_zero_hf.search.space.search_space.SearchSpace",
    }
    assert start["recipe"]["strategy"] == "op-nas", "the recipe is as it was given"
    candidates = [event for event in events if event["event"] == "candidate"]
    asked = [Candidate(tuple(event["layers"])) for event in candidates]
    assert [WIDE.rejection(candidate) for candidate in asked] == [None] * 6
    assert any("conv(1" in layer for candidate in asked for layer in candidate.layers), "wider than the recipe's"
    assert {event["generation"] for event in candidates} == {0, 1, 2}


def test_it_goes_on_with_the_same_objects_and_with_no_others(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(whole, folder)
    events = journal(folder)
    first = next(place for place, event in enumerate(events) if event["event"] == "candidate")
    rewrite(folder, events[: first + 4])
    run(folder)
    assert in_order(folder) == in_order(whole)
    for others, said in (
        ({"proxy": None}, f"proxy: {__name__}.Doubled there, that of the recipe here"),
        ({"strategy": RandomSearch(WIDE, random.Random(0), 2)}, "random_search.RandomSearch here"),
        ({"proxy": "loss", "strategy": "random"}, "proxy: 'accuracy' there, 'loss' here"),
    ):
        AcceleratorState._reset_state(reset_partial_state=True)
        with pytest.raises(JournalError, match="use the same recipe to resume it") as refused:
            run(folder, **others)
        assert said in str(refused.value)
    AcceleratorState._reset_state(reset_partial_state=True)
    rewrite(folder, events[: first + 4])
    with pytest.raises(JournalError, match="candidate"):  # the same class, and other draws
        run(folder, strategy=evolution(seed=1))


def test_card_and_report_name_them(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = read_facts(whole).search
    assert facts is not None
    assert facts.proxy == f"{__name__}.Doubled, an object of Python"
    assert main(["push", str(whole), "someone/model", "--dry-run"]) == 0, capsys.readouterr().err
    assert main(["report", str(whole), "--output", str(tmp_path / "report.html")]) == 0
    report = (tmp_path / "report.html").read_text()
    assert f"{__name__}.Doubled, an object of Python" in report
    assert "in Python, as search(recipe, ..., strategy=" in report


class Empty:
    """Proposes what is known, outside the space or rejected."""

    def __init__(self) -> None:
        self.rejections: Any = RandomSearch(WIDE, random.Random(0)).rejections
        self.told: list[Evaluation] = []

    def ask(self) -> list[Candidate]:
        return [Candidate(("conv(11)", "conv(13)")), Candidate(("conv(3)", "conv(13)"))]

    def tell(self, evaluations: list[Evaluation]) -> None:
        self.told += evaluations


def test_what_is_no_candidate_is_left_out() -> None:
    strategy = Empty()
    given = Given(strategy, WIDE, lambda candidate: None)
    assert given.first() == given.ask() == [Candidate(("conv(11)", "conv(13)"))]
    given.tell([Evaluation(Candidate(("conv(11)", "conv(13)")), 0.5)])
    assert [evaluation.score for evaluation in strategy.told] == [0.5]
    assert given.ask() == []
    assert given.rejections["outside the space"] == 1 and given.rejections["duplicate"] > 1
    with pytest.raises(ValueError, match="not asked for, or twice"):
        given.tell([Evaluation(Candidate(("conv(3)", "conv(13)")), 0.5)])


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ({"strategy": 3}, "strategy=3 is no strategy: it has no ask"),
        ({"proxy": 3}, "proxy=3 is no proxy: it has no __call__"),
        ({"space": WIDE.sizes or "x"}, "space='x' is no space: it has no sample"),
        ({"strategy": RandomSearch}, "is no strategy: give an object, not its class"),
        ({"space": replace(WIDE, num_layers=3)}, "the space has 3 layers, and num_layers is 2"),
        ({"strategy": "grid"}, "strategy must be one of"),
    ],
)
def test_what_is_no_such_object_is_refused_before_anything_is_written(tmp_path: Path, objects: Any, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        run(tmp_path / "run", **{"strategy": None, "proxy": None, "space": None, **objects})
    assert said in str(refused.value)
    assert not (tmp_path / "run" / "journal.jsonl").exists()


def test_a_strategy_that_proposes_nothing_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    nothing = type("Nothing", (Empty,), {"ask": lambda self: []})()
    with pytest.raises(RecipeError, match="the strategy Nothing finds no backbone within the limits"):
        run(tmp_path / "run", strategy=nothing)
    assert not (tmp_path / "run" / "supernet.pt").exists()


def test_sizes_of_a_space_are_those_that_the_recipe_lets_vary() -> None:
    recipe = Recipe.from_dict({"search_sizes": "heads"})
    with pytest.raises(RecipeError, match="the space has no sizes of its own, and search_sizes is heads"):
        Objects(space=SearchSpace(4)).applied_to(recipe)
    assert Objects(space=recipe.search_space).applied_to(recipe).searched_sizes == recipe.searched_sizes
