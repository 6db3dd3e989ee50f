"""A search's strategy within its limits, and whether they leave it anything to propose."""

import random
from functools import partial

from ..latency.band import LatencyBand
from ..recipe.choices import RecipeError
from ..recipe.recipe import Recipe
from ..space.candidate import Candidate
from ..strategy.given import Given
from ..strategy.strategy import Reject, Strategy


def make_strategy(recipe: Recipe, band: LatencyBand | None = None, given: Strategy | None = None) -> Strategy:
    """The strategy of a search, which proposes nothing that its limits leave out.

    Args:
        recipe: of the search, with its budget of parameters and multiplications.
        band: of latencies to keep to.
        given: a strategy that is an object, in the place of the recipe's.

    Raises:
        RecipeError: if the recipe's cannot be made: it does not fit the space, or what it needs is not installed.
    """
    reject = partial(_reject, recipe, band)
    return _made(recipe, reject) if given is None else Given(given, recipe.search_space, reject)


def make_proposing(recipe: Recipe, band: LatencyBand | None = None, given: Strategy | None = None) -> Strategy:
    """A strategy as `make_strategy` makes it, that was seen to propose something before anything is trained.

    Its first generation is always the same.

    Raises:
        RecipeError: if all that it draws is rejected; it says for what.
    """
    strategy = make_strategy(recipe, band, given)
    if not (strategy.first() if isinstance(strategy, Given) else strategy.ask()):
        counts = ", ".join(f"{count:,} {reason}" for reason, count in strategy.rejections.most_common())
        name = strategy if isinstance(strategy, Given) else recipe.strategy.strategy
        raise RecipeError(
            f"the strategy {name} finds no backbone within the limits (of its draws {counts}): give wider limits, or "
            "another --strategy"
        )
    # One that was asked goes on from there; an object, which cannot be made anew, gives its first generation again.
    return strategy if isinstance(strategy, Given) else make_strategy(recipe, band)


def _made(recipe: Recipe, reject: Reject) -> Strategy:
    rng = random.Random(f"{recipe.run.seed}/strategy")
    try:
        return recipe.make_strategy(rng, reject)
    except (ValueError, ModuleNotFoundError) as error:
        raise RecipeError(str(error)) from error


def _reject(recipe: Recipe, band: LatencyBand | None, candidate: Candidate) -> str | None:
    # The cheaper check first.
    return recipe.cost_budget(candidate) or (band(candidate) if band else None)
