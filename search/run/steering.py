"""A search that somebody steers while it is under way: what it kept to in each of its generations."""

import logging
from collections.abc import Sequence

from ..recipe.choices import RecipeError
from ..recipe.options import SteeringOptions
from ..recipe.recipe import Recipe
from ..runtime.history import History
from ..runtime.records import STEERED, Steered
from ..space.search_space import SearchSpace
from ..strategy.evaluation import Evaluation
from ..strategy.steered import Steerable
from ..strategy.steered import Steered as SteeredStrategy
from ..strategy.strategy import Strategy

logger = logging.getLogger(__name__)


def as_begun(recipe: Recipe, history: History) -> Recipe:
    """The recipe with the steering that its search began with."""
    if not history.events:
        return recipe
    begun = SteeringOptions(**{name: history.start.options[name] for name in STEERED})
    return recipe.with_parts(steering=begun)


def steered(strategy: Strategy, steers: Strategy, recipe: Recipe, history: History) -> Strategy:
    """The strategy, which goes on under other steering from the generations on that the journal says.

    Args:
        strategy: of the search.
        steers: the one that looks in a space; `strategy` itself, or within it.
        recipe: of the search.
        history: what the journal tells.
    """
    spaces: dict[int, SearchSpace] = {}
    for event in history.of(Steered):
        wanted = SteeringOptions(**{name: getattr(event, name) for name in STEERED})
        space = recipe.with_parts(steering=wanted).steered_space
        assert isinstance(space, SearchSpace)  # the recipe was checked
        spaces[event.generation] = space
    if not spaces:
        return strategy
    assert isinstance(steers, Steerable)  # so was the strategy
    return SteeredStrategy(strategy, steers, spaces)


def keeping(evaluations: Sequence[Evaluation], recipe: Recipe, history: History) -> list[Evaluation]:
    """Those that can win: where the search was steered while it was under way, what keeps to its last steering.

    Where nothing does, all can, and a warning says so.

    Args:
        evaluations: of the search.
        recipe: of the search, as it is steered by now.
        history: what the journal tells.
    """
    if history.first(Steered) is None:
        return list(evaluations)
    space = recipe.steered_space
    kept = [each for each in evaluations if space.rejection(each.candidate) is None]
    if not kept:
        logger.warning(
            "none of %d candidates keeps to what is pinned and forbidden by now, so that any can win: give it more "
            "--candidates",
            len(evaluations),
        )
    return kept or list(evaluations)


def check_steerable(strategy: Strategy, recipe: Recipe) -> None:
    """See that a strategy can keep to what the recipe wants.

    Raises:
        RecipeError: if it wants something, and the strategy cannot.
    """
    wanted = [name for name in STEERED if getattr(recipe.steering, name)]
    if wanted and not isinstance(strategy, Steerable):
        raise RecipeError(
            f"{', '.join(wanted)}: the strategy {recipe.strategy.strategy} cannot be steered: take another one, such "
            "as op-nas, or leave that out"
        )
