"""The strategies that a recipe names."""

import random

import pytest
from autobert_zero_hf.search.recipe import Recipe
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.from_options import make_strategy
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.optuna_strategy import OptunaStrategy
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Strategy

KINDS = {
    "op-nas": OpNas,
    "uniform": OpNas,
    "evolution": RegularizedEvolution,
    "random": RandomSearch,
    "optuna": OptunaStrategy,
}


def made(**options: object) -> Strategy:
    recipe = Recipe.from_dict({"population": 12, "sampler": "RandomSampler", **options})
    return make_strategy(recipe.strategy, recipe.search_space, random.Random(0), recipe.cost_budget)


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


def test_uniform_is_op_nas_without_priorities() -> None:
    uniform, op_nas = made(strategy="uniform"), made(alpha=0.25, temperature=0.5, operation_credit="occurrences")
    assert isinstance(uniform, OpNas) and uniform.priority is None
    assert isinstance(op_nas, OpNas) and op_nas.priority is not None
    assert (op_nas.priority.alpha, op_nas.priority.temperature, op_nas.priority.credit) == (0.25, 0.5, "occurrences")
