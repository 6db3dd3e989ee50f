from pathlib import Path

import pytest
import torch
import yaml
from autobert_zero_hf.search.recipe.choices import RecipeError, decisive
from autobert_zero_hf.search.recipe.files import RECIPES, load_options, overridden
from autobert_zero_hf.search.recipe.options import option_groups
from autobert_zero_hf.search.recipe.recipe import Recipe

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.options import option_names, with_defaults


@pytest.mark.parametrize("name", [file.stem for file in RECIPES.glob("*.yaml")])
def test_recipes_of_the_package_are_whole(name: str) -> None:
    recipe = Recipe.from_dict(load_options(name))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    idle = set(option_names(option_groups())) - set(recipe.to_dict())
    assert {"sampler", "task_steps"} <= idle
    assert not idle & {"population", "screen_by", "latency_ms", "layers"}
    assert Recipe.from_dict(yaml.safe_load(yaml.safe_dump(recipe.to_dict()))) == recipe
    command = "shrink --method super-net" if name == "shrink" else "search"
    assert f"autobert-zero {command} --output-dir" in (RECIPES / f"{name}.yaml").read_text()


def test_the_defaults_are_those_of_quickstart() -> None:
    """But for what it has had since there was another block than BERT's."""
    own = load_options("quickstart")
    assert {own.pop(name) for name in ("block", "positions")} == {"pre_norm", "rotary"}
    assert (own.pop("starts"), own.pop("final_learning_rate")) == (["bert"], 0.003)
    assert own.pop("baseline_rates") == [0.3, 1, 3]
    assert Recipe.from_dict({}) == Recipe.from_dict(own)


def test_a_recipe_of_the_package_is_as_it_was_when_a_search_was_begun_by_it() -> None:
    now = load_options("quickstart")
    before = {"block": "bert", "positions": None, "starts": [], "final_learning_rate": 0.001, "baseline_rates": [1.0]}
    begun = decisive({**now, **before})
    assert load_options("quickstart", begun) == {**now, **before}
    assert load_options("quickstart", decisive(now)) == load_options("quickstart", {}) == now
    # One of them may have been given on the command line, then and now.
    other = {**begun, "baseline_rates": [2.0]}
    assert load_options("quickstart", other) == now, "another search, which is refused"
    assert load_options("quickstart", other, {"baseline_rates"})["block"] == "bert"


def test_a_block_brings_its_positions() -> None:
    assert overridden(load_options("quickstart"), {"block": "modernbert"}).get("positions") is None
    assert overridden(load_options("quickstart"), {"block": "bert", "positions": "rotary"})["positions"] == "rotary"
    assert overridden(load_options("quickstart"), {"blocks": ["bert", "pre_norm"]})["positions"] == "rotary"


WRONG = {
    "layers": ({"num_layers": 10**9}, "num_layers must be at least 1 and below 1,025, not 1000000000"),
    "beyond a float": ({"dropout": 10**400}, "dropout must be a number, not a number of 1,329 bits"),
    "a long text": (
        {"strategy": "x" * 10**6},
        "strategy must be one of evolution, evolved, fast",
    ),
    "a long name": ({"x" * 10**6: 1}, "unknown option 'xxx"),
    "half of a character": ({"text": ["a\ud83d"]}, r"text must be of whole characters, not ['a\ud83d']"),
    "many": ({f"no_{number}": 1 for number in range(10_000)}, "; and more"),
    "exactly as many": ({**{f"no_{number}": 1 for number in range(8)}, "seed": 0}, "unknown option 'no_7': the"),
    "many kernels": ({"kernel_sizes": [3] * 10**6}, "kernel_sizes must rise: [3, 3"),
    "unknown": ({"supernet_step": 5}, "unknown option 'supernet_step': the nearest known one is 'supernet_steps'"),
    "type": ({"seed": "zero"}, "seed must be a whole number, not 'zero'"),
    "boolean": ({"seed": True}, "seed must be a whole number, not True"),
    "fraction": ({"num_layers": 2.5}, "num_layers must be a whole number, not 2.5"),
    "list": ({"kernel_sizes": 3}, "kernel_sizes must be a list of whole numbers, not 3"),
    "in a list": ({"text": ["a", 1]}, "text must be a list of texts"),
    "tasks without the proxy": (
        {"tasks": ["bbc_topics"]},
        "tasks (['bbc_topics']) is an option of the proxy tasks, and the proxy is accuracy: leave it out, or take",
    ),
    "the proxy without tasks": ({"proxy": "tasks"}, "proxy: tasks needs names of tasks"),
    "choice": ({"mixed_precision": "fp8"}, "mixed_precision must be one of auto, no, bf16, not 'fp8'"),
    "range": ({"held_out": 0.95}, "held_out must be at least 0.001 and below 0.9, not 0.95"),
    "negative": ({"candidates": -1}, "candidates must be at least 1 and below 1,000,000, not -1"),
    "not a number": ({"alpha": float("nan")}, "alpha must be a number, not nan"),
    "even kernel": ({"kernel_sizes": [3, 4]}, "odd numbers"),
    "kernels fall": ({"kernel_sizes": [5, 3]}, "kernel_sizes must rise"),
    "layer type": ({"layer_types": ["pooling"]}, "unknown layer types ['pooling']"),
    "operation": ({"operations": ["matmul", "relu"]}, "unknown operations ['relu']"),
    "switch": ({"shared_attention": "yes"}, "shared_attention must be true or false, not 'yes'"),
    "strategy": (
        {"strategy": "grid"},
        "random, uniform, not 'grid' (not registered: --import the module that defines it)",
    ),
    "tight": ({"max_parameters": 1000}, "max_parameters=1,000 is less than any backbone"),
    "no rates": ({"baseline_rates": []}, "baseline_rates: one at least is needed"),
    "a bound of nothing": ({"max_parameters_of": "model"}, "says of what max_parameters is a bound: give that, too"),
    "a new vocabulary": ({"tokenizer": "x", "cased": True}, "cased: of a new vocabulary, and tokenizer names one"),
    "two tokenizers": (
        {"search_sizes": "heads", "supernet_from": "x", "tokenizer": "y"},
        "tokenizer: that of the model which supernet_from names is used",
    ),
    "crossings": (
        {"strategy": "local-search", "more_mutations": ["crossover"]},
        "crossover needs several parents, and local search has one",
    ),
    "tournament": ({"strategy": "evolution", "population": 5, "tournament": 6}, "must not exceed population (5)"),
    "no teacher": ({"search_sizes": "heads", "supernet_loss": "both"}, "distillation or both needs a teacher"),
    "a teacher of nothing": ({"search_sizes": "heads", "teacher": "x"}, "and a teacher one of these losses"),
    "sizes of sub-models": ({"sandwich": True}, "sandwich: for a search of sizes, which search_sizes"),
    "layers that are missing": (
        {"search_sizes": "heads", "layers": ["conv(3)"]},
        "layers has 1 lines, num_layers is 4",
    ),
    "an untrained head": (
        {"search_sizes": "heads", "supernet_loss": "distillation", "teacher": "x"},
        "cannot be scored by masked words: take proxy: tasks, or supernet_loss: both",
    ),
    "speed of nothing": ({"speedup": 2.0}, "speedup_over names a model and speedup how many times as fast: give both"),
    "two latencies": ({"latency_ms": 1.0, "speedup": 2.0, "speedup_over": "x"}, "two bounds on the same"),
    "least above the most": (
        {"search_sizes": "heads", "min_hidden_size": 256},
        "the least hidden_size (256) is more than that of the model (128)",
    ),
    "embeddings of no width": (
        {"search_sizes": "heads", "min_embedding_size": 16},
        "the least embedding size (16) is of embeddings with a width of their own, up to embedding_size, which is not",
    ),
    "embeddings below nothing": (
        {"search_sizes": "heads", "min_embedding_size": 16, "embedding_size": 8},
        "up to embedding_size, which is 8",
    ),
    "embeddings of no search": (
        {"min_embedding_size": 16, "embedding_size": 32},
        "min_embedding_size: for a search of",
    ),
    "tight for all sizes": (
        {"search_sizes": "heads", "max_parameters": 1000},
        "max_parameters=1,000 is less than any backbone of these sizes has",
    ),
    "screening by nothing": ({"screen_keep": 0.5}, "screen_keep needs screen_by"),
    "heads": ({"num_attention_heads": 3}, "hidden_size (128) is not a multiple of num_attention_heads (3)"),
}


@pytest.mark.parametrize(("options", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said(options: dict, reason: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(options)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(RecipeError, match=r"seed.*; .*alpah.*'alpha'.*; candidates"):
        Recipe.from_dict({"seed": None, "alpah": 2, "candidates": 0})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"seed: [", "is not YAML"),
        (b"- seed", "a recipe is a mapping"),
        (b"sede: 1", "nearest known one is 'seed'"),
        (b"[" * 5000, "is not YAML that can be read: nested more than 64 deep"),
        (b"seed: " + b"9" * 5000, "is not YAML .a number of more than 4,300 digits"),
        (b"seed: 0x" + b"f" * 9000, "seed must be at least 0 and below 4,294,967,296, not a number of 36,000 bits"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
    ids=["cut", "list", "misspelt", "deep", "long", "longer", "binary"],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=reason) as caught:
        load_options(str(tmp_path / "mine.yaml"))
    assert "mine.yaml" in str(caught.value)


def test_a_missing_recipe_names_those_that_are_there() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'quickstat': give one of .*quickstart"):
        load_options("quickstat")


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfseed: 3\n")
    assert load_options(str(tmp_path / "mine.yaml")) == {"seed": 3}


@pytest.mark.parametrize(
    ("options", "given", "reason"),
    [
        (
            {"strategy": "random", "alpha": 3.0},
            (),
            "alpha (3.0) is an option of the strategy op-nas, and the strategy is",
        ),
        ({"strategy": "random", "alpha": 1.0}, ("alpha",), "leave it out, or take strategy: op-nas"),
        ({"strategy": "uniform", "alpha": 3.0}, (), "alpha (3.0) is an option of the strategy op-nas"),
        ({"tournament": 3}, (), "an option of the strategy evolution, and the strategy is op-nas"),
        ({"strategy": "random", "levels": "one"}, (), "an option of the strategy op-nas and uniform"),
        ({"task_steps": 3}, (), "an option of the proxy tasks, and the proxy is accuracy"),
    ],
)
def test_options_of_what_is_not_chosen_are_refused(options: dict, given: tuple[str, ...], reason: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(options, given)
    assert reason in str(caught.value)
    # As a journal of an older version may hold them.
    assert decisive(Recipe.restored(options).to_dict()) == Recipe.from_dict(decisive(options)).to_dict()


def test_options_that_are_as_by_default_are_refused_only_where_they_were_given() -> None:
    everything = with_defaults(option_groups(), {"strategy": "random"})
    assert Recipe.from_dict(everything).strategy.strategy == "random"
    assert set(everything) - set(decisive(everything)) >= {"alpha", "levels", "tournament", "sampler", "tasks"}
    assert "alpha" in decisive({**everything, "strategy": "op-nas"})


def test_all_that_does_not_go_together_is_said_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict({"alpha": 3.0, "strategy": "random", "screen_keep": 0.5, "speedup": 2.0, "max_parameters": 10})
    said = str(caught.value)
    places = [said.find(name) for name in ("alpha", "screen_keep", "speedup_over", "max_parameters")]
    assert -1 not in places and places == sorted(places)


def test_another_strategy_takes_the_place_of_the_recipes_with_its_options() -> None:
    recipe = {"strategy": "evolution", "tournament": 3, "population": 8}
    assert overridden(recipe, {"strategy": "random"}) == {"strategy": "random", "population": 8}
    assert overridden(recipe, {"strategy": "evolution"}) == recipe
    assert overridden(recipe, {"strategy": "random", "tournament": 4})["tournament"] == 4, "which is then refused"


OF_A_CHECKPOINT = {"search_sizes": "heads", "supernet_from": "x"}


def test_a_model_to_begin_as_takes_the_place_of_the_recipes_block() -> None:
    recipe = {"block": "pre_norm", "positions": "rotary", "seed": 3, "final_learning_rate": 0.003}
    assert overridden(recipe, OF_A_CHECKPOINT) == {"seed": 3, **OF_A_CHECKPOINT}
    assert overridden(recipe, {**OF_A_CHECKPOINT, "block": "bert"})["block"] == "bert", "which it has to have, too"


def test_what_a_checkpoint_has_otherwise_is_refused() -> None:
    recipe = Recipe.from_dict({**OF_A_CHECKPOINT, "block": "pre_norm", "embedding_size": 64})
    config = recipe.make_config(800)
    assert recipe.with_config(config).config is config
    config.block, config.embedding_size = "bert", None
    with pytest.raises(RecipeError, match=r"block is pre_norm, and x, which supernet_from names, has bert.*; embedd"):
        recipe.with_config(config)


def test_a_checkpoints_block_is_what_bounds_count() -> None:
    """A gated feed-forward block has half as many weights again."""
    bound = {**OF_A_CHECKPOINT, "max_parameters": 200_000}
    recipe = Recipe.from_dict(bound)
    config = Recipe.from_dict({"block": "modernbert"}).make_config(800)
    layers = ["conv(3)"] * 4
    own, known = (each.cost_budget.cost(layers).parameters for each in (recipe, recipe.with_config(config)))
    assert known > 1.2 * own
    with torch.device("meta"):
        model = AutoBertZeroModel(AutoBertZeroConfig(**{**config.to_dict(), "layers": layers}))
    assert known == sum(weight.numel() for weight in model.layers.parameters())
    # Of how large it is at least, nothing can be said until it is read.
    assert Recipe.from_dict({**bound, "max_parameters": 10}).cost_budget.max_parameters is None
    with pytest.raises(RecipeError, match="max_parameters=10 is less than any backbone of these sizes has"):
        Recipe.from_dict({**bound, "max_parameters": 10}).with_config(config)
