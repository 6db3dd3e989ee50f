"""The strategy that a recipe names."""

import random

from ..recipe import StrategyOptions
from ..space.search_space import SearchSpace
from .op_nas import OpNas
from .optuna_strategy import OptunaStrategy
from .random_search import RandomSearch
from .regularized_evolution import RegularizedEvolution
from .strategy import Reject, Strategy


def make_strategy(options: StrategyOptions, space: SearchSpace, rng: random.Random, reject: Reject) -> Strategy:
    """A new strategy.

    Args:
        options: its name and what it is tuned by.
        space: where to search.
        rng: the source of all chance.
        reject: looks at a candidate before it is proposed.

    Raises:
        ValueError: if the options do not fit together, or Optuna has no such sampler.
        ModuleNotFoundError: if Optuna is wanted, and not installed.
    """
    generation = options.parents * options.children
    if options.strategy == "random":
        return RandomSearch(space, rng, generation, reject)
    if options.strategy == "evolution":
        return RegularizedEvolution(space, rng, options.population, options.tournament, generation, reject)
    if options.strategy == "optuna":
        return OptunaStrategy(space, rng, options.sampler, generation_size=generation, reject=reject)
    return OpNas(
        space,
        rng,
        options.population,
        options.parents,
        options.children,
        alpha=options.alpha if options.strategy == "op-nas" else None,
        scale=options.reward_scale,
        reject=reject,
        credit=options.operation_credit,
        temperature=options.temperature,
        levels=options.levels,
    )
