"""The strategies that a recipe names."""

import random
from dataclasses import replace

import pytest
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.evolved_sizes import EvolvedSizes
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.optuna_strategy import OptunaStrategy
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Strategy

from autobert_zero_hf import architecture

KINDS = {
    "op-nas": OpNas,
    "uniform": OpNas,
    "evolution": RegularizedEvolution,
    "random": RandomSearch,
    "optuna": OptunaStrategy,
}
OF_SIZES = {**KINDS, "fast": RandomSearch, "evolved": EvolvedSizes}


def made(**options: object) -> Strategy:
    sampler = {"sampler": "RandomSampler"} if options.get("strategy") == "optuna" else {}
    recipe = Recipe.from_dict({"population": 12, **sampler, **options})
    return recipe.make_strategy(random.Random(0), recipe.cost_budget)


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_each_name_is_a_strategy_that_keeps_to_the_budget(name: str, kind: type) -> None:
    recipe = Recipe.from_dict({})
    bound = recipe.cost_budget.cost(["conv(31)"] * 4).parameters
    strategy = made(strategy=name, max_parameters=bound)
    assert type(strategy) is kind
    for _ in range(2):
        asked = strategy.ask()
        assert asked
        assert all(recipe.cost_budget.cost(candidate.layers).parameters <= bound for candidate in asked)
        strategy.tell([Evaluation(candidate, len(str(candidate)) / 1e3) for candidate in asked])
    assert strategy.rejections["too many parameters"] > 0


@pytest.mark.parametrize("embeddings", [{}, {"embedding_size": 64, "min_embedding_size": 16}], ids=["", "embeddings"])
@pytest.mark.parametrize(("name", "kind"), OF_SIZES.items())
def test_each_searches_sizes_too(name: str, kind: type, embeddings: dict[str, int]) -> None:
    given = {"strategy": name, "search_sizes": "heads", "num_attention_heads": 4, "hidden_step": 8}
    strategy = made(**given, intermediate_step=8, **embeddings)
    assert type(strategy) is kind
    asked = strategy.ask()
    assert len({candidate.sizes for candidate in asked}) > 1
    widths = {candidate.sizes.embedding_size for candidate in asked if candidate.sizes}
    assert len(widths) > 1 if embeddings else widths == {None}


def test_a_strategy_that_does_not_fit_the_space_is_refused() -> None:
    for name in ("fast", "evolved"):
        with pytest.raises(
            ValueError, match=f"the strategy {name} searches sizes, and here all candidates have the sa"
        ):
            made(strategy=name)
    sub_models = Recipe.from_dict(
        {"search_sizes": "heads", "num_attention_heads": 4, "layers": architecture("bert", 4)}
    )
    assert isinstance(sub_models.search_space, SubModels)
    for name in KINDS:
        recipe = sub_models.with_parts(strategy=replace(sub_models.strategy, strategy=name))
        if name == "random":
            assert recipe.make_strategy(random.Random(0), lambda _: None).ask()
            continue
        with pytest.raises(ValueError, match=f"the strategy {name} searches layers, and here all candidates have th"):
            recipe.make_strategy(random.Random(0), lambda _: None)


def test_uniform_is_op_nas_without_priorities() -> None:
    uniform, op_nas = made(strategy="uniform"), made(alpha=0.25, temperature=0.5, operation_credit="occurrences")
    assert isinstance(uniform, OpNas) and uniform.priority is None
    assert isinstance(op_nas, OpNas) and op_nas.priority is not None
    assert (op_nas.priority.alpha, op_nas.priority.temperature, op_nas.priority.credit) == (0.25, 0.5, "occurrences")
