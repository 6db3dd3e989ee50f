"""The strategy that a recipe names."""

import random
from dataclasses import replace

from ..recipe_options import StrategyOptions
from ..space.fast_sizes import FastSizes
from ..space.search_space import SearchSpace
from ..space.sub_models import SubModels
from .evolved_sizes import EvolvedSizes
from .op_nas import OpNas
from .optuna_strategy import OptunaStrategy
from .random_search import RandomSearch
from .regularized_evolution import RegularizedEvolution
from .strategy import Reject, Strategy, need_sizes


def make_strategy(
    options: StrategyOptions, space: SearchSpace | SubModels, rng: random.Random, reject: Reject
) -> Strategy:
    """A new strategy.

    Args:
        options: its name and what it is tuned by.
        space: where to search.
        rng: the source of all chance.
        reject: looks at a candidate before it is proposed.

    Raises:
        ValueError: if the options do not fit together, the strategy does not fit the space, or Optuna has no such
            sampler.
        ModuleNotFoundError: if Optuna is wanted, and not installed.
    """
    generation = options.parents * options.children
    if options.strategy == "random":
        return RandomSearch(space, rng, generation, reject)
    if options.strategy == "fast":
        part = replace(space, sizes=FastSizes.of(need_sizes(space, "fast")))
        return RandomSearch(part, rng, generation, reject)
    if options.strategy == "evolved":
        return EvolvedSizes(space, rng, options.population, generation, reject)
    if not isinstance(space, SearchSpace):
        raise ValueError(
            f"the strategy {options.strategy} searches layers, and here all candidates have those of one backbone: "
            "take random, fast or evolved"
        )
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
