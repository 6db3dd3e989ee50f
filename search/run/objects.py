"""What Python gives a search in the place of options: a strategy, a proxy, a space."""

from dataclasses import dataclass, fields
from typing import Any

from ..proxies.proxy import Proxy
from ..proxies.table import PreparedProxy
from ..recipe.choices import RecipeError
from ..recipe.recipe import Recipe
from ..space.space import Space
from ..strategy.strategy import Strategy

_METHODS = {"strategy": ("ask", "tell", "rejections"), "proxy": ("__call__",), "space": ("sample", "rejection")}


@dataclass(frozen=True)
class Objects:
    """The objects of a search; each is None where the recipe says what is meant.

    Args:
        strategy: a new one, that was not asked yet.
        proxy: scores candidates. One with a method `prepared` is made ready by it first, as `PreparedProxy` says.
        space: where the strategy looks.

    Raises:
        RecipeError: if one lacks what it needs.
    """

    strategy: Strategy | None = None
    proxy: Proxy | PreparedProxy | None = None
    space: Space | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            methods = () if isinstance(given, PreparedProxy) else _METHODS[field.name]
            lacking = [name for name in methods if not hasattr(given, name)]
            if given is not None and (lacking or isinstance(given, type)):
                raise RecipeError(
                    f"{field.name}={given!r} is no {field.name}: "
                    + ("give an object, not its class" if isinstance(given, type) else f"it has no {lacking[0]}")
                )

    @property
    def names(self) -> dict[str, str]:
        """The qualified names of their classes, by what they are."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {what: _qualified_name(each) for what, each in given.items() if each is not None}

    def applied_to(self, recipe: Recipe) -> Recipe:
        """The recipe in the space of these objects.

        Raises:
            RecipeError: if the candidates of that space are not of the recipe's number of layers, or have sizes of
                their own where it says that all have the same, or the other way round.
        """
        if self.space is None:
            return recipe
        sized, most = getattr(self.space, "sizes", None) is not None, recipe.sizes.num_layers
        if sized != (recipe.searched_sizes is not None):
            has = "has sizes of its own" if sized else "has no sizes of its own"
            raise RecipeError(f"the space {has}, and search_sizes is {recipe.joint.search_sizes}")
        layers = getattr(self.space, "num_layers", most)
        if layers != most:
            raise RecipeError(f"the space has {layers} layers, and num_layers is {most}: let them be the same")
        return recipe.in_space(self.space)


NO_OBJECTS = Objects()


def _qualified_name(given: Any) -> str:
    kind = given if hasattr(given, "__qualname__") else type(given)
    return f"{kind.__module__}.{kind.__qualname__}"
