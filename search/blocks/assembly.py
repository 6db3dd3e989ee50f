"""Which alternative of each layer makes the best model within a budget: exactly by the sums, then by the real error.

The first answer is that of a mixed-integer programme: one alternative a layer, the sum of the prices within the budget,
and the sum of the losses of single swaps as small as can be (Puzzle, Bercovich et al., 2025, arXiv 2411.19146, section
4.3). What several swaps do to each other the sums do not say: that the search from there on measures.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.stats import kendalltau

from .parts import Choice

_FEWEST = 3
"""Assemblies that tell a rank correlation."""
_NEAR = 0.9
"""Of a budget: what takes less is not near it."""

Assembly = tuple[int, ...]
"""For each layer, the number of its option."""


@dataclass(frozen=True)
class Option:
    """What a layer may become.

    Args:
        choice: the parts.
        price: in milliseconds.
        loss: of the whole model where this layer alone is changed.
    """

    choice: Choice
    price: float
    loss: float


@dataclass(frozen=True)
class Tried:
    """An assembly that was looked at.

    Args:
        assembly: which options.
        predicted: the sum of their losses.
        error: of the assembled model.
    """

    assembly: Assembly
    predicted: float
    error: float


def price_of(options: Sequence[Sequence[Option]], assembly: Sequence[int]) -> float:
    """The sum of the prices, in milliseconds."""
    return sum(options[layer][number].price for layer, number in enumerate(assembly))


def loss_of(options: Sequence[Sequence[Option]], assembly: Assembly) -> float:
    """The sum of the losses."""
    return sum(options[layer][number].loss for layer, number in enumerate(assembly))


def best_assembly(options: Sequence[Sequence[Option]], budget: float) -> Assembly | None:
    """The assembly with the least sum of losses within a budget; None if there is none.

    At least one layer is kept in some form: a model has layers.

    Args:
        options: of each layer.
        budget: the most that the prices may come to, in milliseconds.
    """
    sizes = [len(each) for each in options]
    flat = [option for each in options for option in each]
    owner = np.repeat(np.arange(len(options)), sizes)
    one_each = (owner[None] == np.arange(len(options))[:, None]).astype(float)
    some_layer = np.array([[float(bool(_keeps(option))) for option in flat]])
    rows = [LinearConstraint(one_each, 1, 1), LinearConstraint(some_layer, 1, np.inf)]
    if np.isfinite(budget):
        rows.append(LinearConstraint(np.array([[option.price for option in flat]]), -np.inf, budget))
    found = milp(
        [option.loss for option in flat], constraints=rows, integrality=np.ones(len(flat)), bounds=Bounds(0, 1)
    )
    if found.x is None:
        return None
    chosen = np.flatnonzero(found.x > 0.5)
    return tuple(int(place - sum(sizes[:layer])) for layer, place in enumerate(chosen))


def _keeps(option: Option) -> bool:
    return any(part.line for part in option.choice)


def _keeps_some(options: Sequence[Sequence[Option]], assembly: Assembly) -> bool:
    """Whether a layer is left in some form."""
    return any(_keeps(options[layer][number]) for layer, number in enumerate(assembly))


def random_assemblies(options: Sequence[Sequence[Option]], budget: float, count: int, seed: str) -> Iterator[Assembly]:
    """Random assemblies near a budget, each once: what tells how far the sums of losses are to be trusted.

    Args:
        options: of each layer.
        budget: the most that their prices come to, in milliseconds; the least is `_NEAR` of it.
        count: how many; fewer, where there are hardly any.
        seed: of the draws.
    """
    rng, found = random.Random(seed), set[Assembly]()
    for _ in range(20 * count):
        assembly = [rng.randrange(len(each)) for each in options]
        for _ in range(100 * len(options)):
            price = price_of(options, assembly)
            if _NEAR * budget <= price <= budget:
                break
            layer = rng.randrange(len(options))
            current = options[layer][assembly[layer]].price
            nearer = [n for n, each in enumerate(options[layer]) if (each.price < current) is (price > budget)]
            assembly[layer] = rng.choice(nearer or [assembly[layer]])
        else:
            continue
        if (drawn := tuple(assembly)) not in found and _keeps_some(options, drawn):
            found.add(drawn)
            yield drawn
        if len(found) >= count:
            return


def rank_correlation(predicted: Sequence[float], errors: Sequence[float]) -> float | None:
    """Kendall's tau of the sums of losses with the real errors; None where too few tell it, or all are the same."""
    tau = float(kendalltau(predicted, errors).statistic) if len(errors) >= _FEWEST else math.nan
    return None if math.isnan(tau) else tau


class Improvement:
    """An evolution on the real error, from the best assembly by the sums; the same for the same seed and errors.

    Args:
        options: of each layer.
        budget: the most that the prices may come to, in milliseconds.
        first: assemblies to begin with, which keep to it.
        seed: of the draws.
    """

    def __init__(self, options: Sequence[Sequence[Option]], budget: float, first: Sequence[Assembly], seed: str):
        self.options = options
        self.budget = budget
        self.first = list(dict.fromkeys(first))
        self.rng = random.Random(seed)
        self.tried: dict[Assembly, Tried] = {}

    @property
    def best(self) -> Tried:
        """The assembly with the least error; of several the first."""
        return min(self.tried.values(), key=lambda each: each.error)

    def run(self, error: Callable[[Assembly], float], count: int) -> Tried:
        """Look at so many assemblies, and give the best.

        Args:
            error: of an assembled model.
            count: how many, those to begin with counted in, which are all looked at.
        """
        for assembly in self._proposals(count):
            self.tried[assembly] = Tried(assembly, loss_of(self.options, assembly), error(assembly))
        return self.best

    def _proposals(self, count: int) -> Iterator[Assembly]:
        yield from self.first
        for _ in range(100 * count):
            if len(self.tried) >= count:
                return
            child = self._near_sums() if self.rng.random() < 0.5 else self._mutant()
            if child is not None and child not in self.tried:
                yield child

    def _near_sums(self) -> Assembly | None:
        """The best by sums of losses that are off by a fifth or so, each by its own draw."""
        shaken = [
            [Option(each.choice, each.price, each.loss * self.rng.lognormvariate(0, 0.2)) for each in options]
            for options in self.options
        ]
        return best_assembly(shaken, self.budget)

    def _mutant(self) -> Assembly | None:
        """One of the best few with another option in a layer, and in a second one the best that is left for it."""
        parents = sorted(self.tried.values(), key=lambda each: each.error)[:4]
        child = list(self.rng.choice(parents).assembly)
        first, *second = self.rng.sample(range(len(child)), min(2, len(child)))
        child[first] = self.rng.randrange(len(self.options[first]))
        for layer in second:
            others = sum(self.options[place][number].price for place, number in enumerate(child) if place != layer)
            fitting = [n for n, option in enumerate(self.options[layer]) if others + option.price <= self.budget]
            child[layer] = min(fitting, key=lambda n: self.options[layer][n].loss, default=child[layer])
        mutant = tuple(child)
        return mutant if _keeps_some(self.options, mutant) and price_of(self.options, mutant) <= self.budget else None
