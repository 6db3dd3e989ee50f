"""Searches that begin with given backbones, or where others ended."""

import random
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.publish.worth import RandomDraws
from autobert_zero_hf.search.recipe.choices import RecipeError
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.runtime.journal import read_history
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.starting import GIVEN
from autobert_zero_hf.search.strategy.table import STRATEGIES

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.search.small_search import journal, search, words

TWO = ["conv(3) | conv(5)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)|conv(9)"]
OPTIONS = {"num_layers": 2, "population": 12}


@pytest.mark.parametrize("name", [name for name, kind in STRATEGIES.items() if kind.draws and kind.searches_layers])
def test_every_strategy_that_draws_begins_with_them(name: str) -> None:
    recipe = Recipe.from_dict({**OPTIONS, "strategy": name, "starts": TWO})
    for _ in range(2):  # each strategy anew
        first, second, *others = recipe.make_strategy(random.Random(0), lambda _: None).ask()
        assert [first.layers, second.layers] == [("conv(3)", "conv(5)"), (TWO[1].partition("|")[0], "conv(9)")]
        assert {each.origin for each in (first, second)} == {GIVEN}
        assert {each.origin for each in others} == {"random"}


def test_they_are_of_the_largest_sizes_and_the_first_block() -> None:
    more = {"search_sizes": "heads", "blocks": ["pre_norm", "bert"], "num_layers": 3}
    recipe = Recipe.from_dict({**OPTIONS, **more, "starts": TWO[:1]})
    first = recipe.make_strategy(random.Random(0), lambda _: None).ask()[0]
    assert first.block == "pre_norm"
    assert first.sizes is not None and (first.sizes.num_hidden_layers, first.sizes.hidden_size) == (2, 128)


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        ({}, True),
        ({"num_layers": 3}, True),
        ({"layer_types": ["convolution"]}, False),
        ({"max_parameters": 350_000}, False),
        ({"strategy": "optuna"}, False),
        ({"search_sizes": "heads", "layers": ["conv(3)"] * 2, "strategy": "evolved"}, False),
    ],
)
def test_bert_is_among_them_where_it_belongs_to_the_space(options: dict[str, Any], begins: bool) -> None:
    recipe = Recipe.from_dict({**OPTIONS, **options, "starts": ["bert"]})
    asked = recipe.make_strategy(random.Random(0), lambda _: None).ask()
    assert [each.layers for each in asked if each.origin == GIVEN] == (
        [(BERT_ATTENTION,) * recipe.sizes.num_layers] if begins else []
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"starts": ["conv(3)"]}, "starts, 'conv(3)': 1 layers, not 2"),
        ({"starts": ["conv(4) | conv(3)"]}, "starts, 'conv(4) | conv(3)': "),
        ({"starts": ["conv(11) | conv(3)"]}, "layer 1, conv(11): "),
        ({"starts": TWO, "strategy": "optuna"}, "the strategy optuna draws its first candidates itself"),
        ({"starts": TWO, "max_parameters": 350_000}, "too many parameters"),
        (
            {"starts": TWO, "search_sizes": "heads", "layers": ["conv(3)"] * 2},
            "all candidates have the layers of one backbone",
        ),
    ],
)
def test_what_a_search_cannot_begin_with_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict({**OPTIONS, **options})
    assert reason in str(refused.value)


def test_a_search_begins_where_another_ended(
    finished: tuple[Path, str], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, few = tmp_path / "next", {"candidates": 7, "final_steps": 1, "mixed-precision": "no"}
    search(text, folder, **few, seed=5, start_from=finished[0])
    best = sorted(read_history(finished[0] / "journal.jsonl").scored, key=lambda each: (-each.score, each.number))
    given = [event for event in journal(folder) if event.get("origin") == GIVEN]
    assert [event["layers"] for event in sorted(given, key=lambda event: event["number"])] == [
        each.layers for each in best[:2]
    ]
    history = read_history(folder / "journal.jsonl")
    assert sum(each.is_drawn for each in history.candidates) == 4, "those that were given are not random ones"
    assert RandomDraws.of(history) is None
    # The same command goes on, or finds that there is nothing to do.
    assert "is finished" in search(text, folder, **few, seed=5, start_from=finished[0])
    for run, said in (
        (tmp_path, "is not the folder of a search"),
        (finished[0], "belongs to the space of this search: the best, "),
    ):
        assert (
            main([*words(text, tmp_path / "no", **few, start_from=run, kernel_sizes=33, layer_types="convolution")])
            == 1
        )
        assert said in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_space_that_is_an_object_draws_as_it_says() -> None:
    class Own(SearchSpace):
        def sample(self, rng: random.Random, attention: str | None = None) -> Candidate:
            return Candidate((f"conv({rng.choice([3, 5, 7])})", f"conv({rng.choice([3, 5, 7])})"))

    recipe = Recipe.from_dict({**OPTIONS, "starts": ["bert"]}).in_space(Own(2))
    asked = recipe.make_strategy(random.Random(0), lambda _: None).ask()
    assert {layer for each in asked for layer in each.layers} == {"conv(3)", "conv(5)", "conv(7)"}


def test_a_run_to_start_from_needs_layers_to_search(
    finished: tuple[Path, str], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"search_sizes": "heads", "layers": "conv(3) conv(3)", "strategy": "evolved", "mixed_precision": "no"}
    assert main(words(text, tmp_path / "run", **sizes, start_from=finished[0])) == 1
    assert "the best, all candidates have the layers of one backbone" in capsys.readouterr().err


def test_a_winner_that_is_its_own_baseline_is_called_that(text: Path, tmp_path: Path) -> None:
    few = {"candidates": 1, "population": 1, "supernet_steps": 2, "final_steps": 1, "baseline_rates": 1}
    said = search(text, tmp_path / "run", **few, max_parameters=40_000, starts="bert", mixed_precision="no")
    assert "best is that BERT itself: nothing better was found" in said
