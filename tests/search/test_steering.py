"""Searches that somebody steers: from the beginning, and while they are under way."""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.steering import keeping
from autobert_zero_hf.search.runtime.journal import read_history
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import Mutations
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.steering import Steering
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.op_nas import OpNas

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.search.small_search import in_order, journal, rewrite, search, words
from tests.terminal import kill_when

FIRST: dict[str, Any] = {
    "num_layers": 3,
    "mixed_precision": "no",
    "baseline_rates": 1,
    "candidates": 10,
    "max_parameters": 60_000,
}
THEN = {**FIRST, "candidates": 22, "pin": ["2: conv( 5 )"], "forbid": ["softmax", "cosine_similarity"]}


def keeps(layers: list[str]) -> bool:
    return layers[1] == "conv(5)" and "softmax" not in str(layers) and "cosine_similarity" not in str(layers)


@pytest.fixture(scope="module")
def steered(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a search that went on under other steering, and what it printed then."""
    folder = tmp_path_factory.mktemp("steered") / "run"
    search(text, folder, **FIRST)
    return folder, search(text, folder, **THEN)


def test_a_search_goes_on_under_what_somebody_wants(steered: tuple[Path, str]) -> None:
    folder, said = steered
    assert "Steered from generation 3 on: layer 2 is conv(5); without cosine_similarity, softmax." in said
    before, after = (
        [
            event["layers"]
            for event in journal(folder)
            if event["event"] == "candidate" and later == (event["number"] > 10)
        ]
        for later in (False, True)
    )
    assert len(after) == 12 and all(map(keeps, after)) and not all(map(keeps, before))
    made = [event["origin"] for event in journal(folder) if event["event"] == "candidate" and event["number"] > 10]
    assert any("steered" in origin for origin in made), "children of parents that did not keep to it"
    recipe = (folder / "recipe.yaml").read_text()
    assert "- '2: conv( 5 )'" in recipe and read_history(folder / "journal.jsonl").recipe["forbid"] == THEN["forbid"]


def test_the_winner_keeps_to_it_too(steered: tuple[Path, str]) -> None:
    folder, _ = steered
    assert keeps(json.loads((folder / "best" / "config.json").read_text())["layers"])


def test_what_does_not_keep_to_it_wins_only_where_nothing_does(
    steered: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    history = read_history(steered[0] / "journal.jsonl")
    recipe = Recipe.from_dict({name: THEN[name] for name in ("num_layers", "pin", "forbid")})
    keeps_to_it, other = (Evaluation(Candidate((layer,) * 3), 0.1) for layer in ("conv(5)", "conv(9)"))
    assert keeping([other, keeps_to_it], recipe, history) == [keeps_to_it] and not caplog.text
    assert keeping([other], recipe, history) == [other]
    assert "none of 1 candidates keeps to what is pinned and forbidden by now" in caplog.text


def test_killed_after_that_it_goes_on_to_the_same(steered: tuple[Path, str], text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    search(text, folder, **FIRST)
    journals = folder / "journal.jsonl"
    kill_when(lambda: b'"number": 14,' in journals.read_bytes(), words(text, folder, **THEN))
    assert b'"number": 22,' not in journals.read_bytes()
    search(text, folder, processes=2, **THEN)
    assert in_order(folder) == in_order(steered[0])


def test_a_finished_search_is_steered_together_with_more_candidates(steered: tuple[Path, str], text: Path) -> None:
    said = search(text, steered[0], status=1, **{**THEN, "forbid": ["softmax"]})
    assert "is finished: to go on otherwise, give it more --candidates" in said


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("generation", 1, "`generation` is 1, and the next one is 2"),
        ("pin", ["conv(5)"], "`pin`, 'conv(5)': a pin is a layer's number and its line"),
    ],
)
def test_steering_that_cannot_have_been_is_damage(
    field: str, value: Any, said: str, steered: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = journal(steered[0])
    next(event for event in events if event["event"] == "steered")[field] = value
    rewrite(tmp_path, events)
    assert main(["report", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pin": ["conv(9)"]}, "pin, 'conv(9)': a pin is a layer's number and its line, such as '2: conv(9)'"),
        ({"pin": ["0: conv(9)"]}, "a pin is a layer's number and its line"),
        ({"pin": ["9: conv(9)"]}, "pin and forbid: there is no layer 9, but 4"),
        ({"pin": ["1: conv(9)", "1: conv(5)"]}, "layer 1 has a pin already"),
        ({"pin": ["1: conv(8)"]}, "pin, '1: conv(8)': "),
        ({"pin": ["1: conv(11)"]}, "layer 1 cannot be conv(11): "),
        ({"pin": [f"{place}: conv(9)" for place in range(1, 5)]}, "all 4 layers have a pin: leave one to be searched"),
        ({"forbid": ["attention", "convolution"]}, "pin and forbid: "),
        ({"forbid": ["max"]}, "forbid: 'max' is none of add, attention, convolution"),
        ({"prefer": ["attention"]}, "prefer: 'attention' is none of add, cosine_similarity"),
        ({"prefer": ["add"], "forbid": ["add"]}, "prefer: 'add' is none of cosine_similarity"),
        ({"pin": [f"1: {BERT_ATTENTION}"], "shared_attention": True}, "all attentions have the same formula here"),
        ({"layers": ["conv(3)"] * 4, "search_sizes": "heads", "strategy": "random", "forbid": ["add"]}, "of layers"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_to_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        Recipe.from_dict(given)


def test_a_sampler_cannot_be_steered(text: Path, tmp_path: Path) -> None:
    said = search(text, tmp_path / "run", status=1, **{**THEN, "strategy": "optuna"})
    assert "pin, forbid: the strategy optuna cannot be steered: take another one, such as op-nas" in said
    assert not (tmp_path / "run").exists()


SPACE = SearchSpace(3, kernel_sizes=(3, 5, 9), max_operations=6)
WANTED = Steering.of(["2: conv(5)"], ["softmax"], ["softsign"])
assert WANTED is not None


def test_whatever_is_drawn_or_made_of_others_keeps_to_it() -> None:
    space, rng = SPACE.steered(WANTED), random.Random(0)
    strategy = OpNas(SPACE, rng, 20, 4, 6, mutations=Mutations(("crossover", "copy layer")))
    strategy.tell([Evaluation(each, rng.random()) for each in strategy.ask()])
    strategy.steer(space)
    assert strategy.priority is not None and set(strategy.priority.probabilities()) == set(space.operations)
    for _ in range(4):
        asked = strategy.ask()
        assert asked and all(each.parent for each in asked), "what came before still has children"
        assert all(each.layers[1] == "conv(5)" and "softmax" not in str(each.layers) for each in asked)
        strategy.tell([Evaluation(each, rng.random()) for each in asked])
    strategy.steer(SPACE)
    assert any(each.layers[1] != "conv(5)" for each in strategy.ask()), "and without it is as before"


def test_what_is_preferred_is_drawn_more_often() -> None:
    shares = []
    for space in (SPACE, SPACE.steered(WANTED)):
        rng, times = random.Random(0), Counter[str]()
        for _ in range(300):
            times.update(node.name for graph in space.sample(rng).graphs.values() for node in graph.operations)
        shares.append(times["softsign"] / times.total())
    assert 1.7 < shares[1] / shares[0] < 3.5, shares


def test_without_steering_nothing_is_drawn() -> None:
    """Or searches of before would be others."""
    rng = random.Random(0)
    before = rng.getstate()
    candidate = Candidate(("conv(3)",) * 3)
    assert SPACE.conforming(candidate, rng) is candidate and SPACE.weighted(None) is None
    assert SPACE.steered(None) == SPACE and rng.getstate() == before
