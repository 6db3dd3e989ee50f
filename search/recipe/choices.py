"""What options of a recipe are, what they decide, and what is wrong with them."""

from collections.abc import Iterable, Mapping
from typing import Any

from autobert_zero_hf.options import find_problems, option_names, with_defaults
from autobert_zero_hf.tables import Table

from ..proxies.table import PROXIES
from ..strategy.table import STRATEGIES
from .block_options import BLOCK_GROUPS
from .errors import RecipeError as RecipeError
from .errors import refuse as refuse
from .options import option_groups, own_groups
from .rungs import readable

CHOSEN: dict[str, Table[Any]] = {"strategy": STRATEGIES, "proxy": PROXIES}
"""The options that choose a part with options of its own, and the tables of these parts."""


def chosen_by(what: str, options: Mapping[str, Any]) -> list[str]:
    """The names of the strategy, or of the proxies, that options choose: the recipe's, and those of its rungs."""
    rungs = readable(options.get("rungs") or ()) if what == "proxy" else ()
    return list(dict.fromkeys([options[what], *(rung.proxy for rung in rungs)]))


def idle_options(what: str, chosen: Iterable[Any]) -> set[str]:
    """The names of options that other strategies, or proxies, have and the chosen ones have not."""
    parts = [part for name in chosen if (part := CHOSEN[what].get(name)) is not None]
    mine = [part.options for part in parts if part.options is not None]
    return set(option_names(own_groups(CHOSEN[what]))) - set(option_names(mine))


def groups_of(options: Mapping[str, Any]) -> tuple[type, ...]:
    """The groups that the options of a run are of: those of a search, or of an encoder that is made faster."""
    return BLOCK_GROUPS if is_of_encoder(options) else option_groups()


def is_of_encoder(options: Mapping[str, Any]) -> bool:
    """Whether the options of a run are those of an encoder that is made faster."""
    return options.get("method") == "blocks"


def decisive(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a search depends on, by name: those that are missing have their defaults.

    Left out are those of strategies and proxies that are not chosen.
    """
    filled = with_defaults(groups_of(options), options)
    if is_of_encoder(options):
        return filled
    idle = {name for what in CHOSEN for name in idle_options(what, chosen_by(what, filled))}
    return {name: value for name, value in filled.items() if name not in idle}


def check_options(options: Mapping[str, Any]) -> None:
    """See that options are known, of their types and within their ranges.

    Raises:
        RecipeError: naming all that are not.
    """
    refuse(find_problems(option_groups(), options))
