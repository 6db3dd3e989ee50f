"""The table of strategies: what each is called, is made from, and says of itself."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.tables import Table, no_problems

from ..space.sub_models import SubModels
from .strategy import Reject, Strategy

if TYPE_CHECKING:
    from .options import StrategyOptions


@dataclass(frozen=True)
class StrategyContext:
    """What every strategy is made from.

    Args:
        space: where to search.
        rng: the source of all chance.
        reject: looks at a candidate before it is proposed.
        population: the candidates of the first generation.
        parents: those that have children.
        children: of a parent in a generation.
    """

    space: Any
    rng: random.Random
    reject: Reject | None = None
    population: int = 24
    parents: int = 5
    children: int = 2

    @property
    def generation_size(self) -> int:
        """The candidates of a generation, which can be evaluated in parallel: parents times children."""
        return self.parents * self.children


@dataclass(frozen=True)
class StrategyKind:
    """A strategy by its name.

    Args:
        name: what it is chosen by.
        words: what it is, in a card, a report and the help.
        make: gives a new one from the context and its own options, an object of `options`; raises `ValueError` where
            they do not fit together.
        options: a dataclass of its own options; None where it has none.
        searches_layers: whether it needs a space of layers. One that does not searches the sizes of one backbone, too.
        draws: whether its first candidates are drawn from the space, so that it can begin with given ones.
        problems: what in its own options does not fit the others of strategies, in words.
    """

    name: str
    words: str
    make: Callable[[StrategyContext, Any], Strategy]
    options: type | None = None
    searches_layers: bool = True
    draws: bool = True
    problems: "Callable[[Any, StrategyOptions], Iterable[str]]" = no_problems


STRATEGIES: Table[StrategyKind] = Table("strategy", __name__.rpartition(".")[0])
register = STRATEGIES.register


def make_strategy(name: str, options: Any, context: StrategyContext) -> Strategy:
    """Makes a strategy by its name.

    Args:
        name: of the table.
        options: its own; None where it has none.
        context: all else that it is made from.

    Raises:
        ValueError: if the options do not fit together, or the strategy does not fit the space.
        ModuleNotFoundError: if it needs a library that is not installed.
    """
    kind = STRATEGIES[name]
    if kind.searches_layers and isinstance(context.space, SubModels):
        others = [other for other, each in STRATEGIES.items() if not each.searches_layers]
        raise ValueError(
            f"the strategy {name} searches layers, and here all candidates have those of one backbone: take "
            f"{', '.join(others[:-1])} or {others[-1]}"
        )
    return kind.make(context, options)
