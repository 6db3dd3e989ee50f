"""A search that somebody steers while it is under way: what it kept to in each of its generations."""

from ..recipe.choices import RecipeError
from ..recipe.options import SteeringOptions
from ..recipe.recipe import Recipe
from ..runtime.history import History
from ..runtime.records import STEERED, Steered
from ..space.search_space import SearchSpace
from ..strategy.steered import Steerable
from ..strategy.steered import Steered as SteeredStrategy
from ..strategy.strategy import Strategy


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
