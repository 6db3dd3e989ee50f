"""The search space of a table: its backbones, and the way from each to those that are near it."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..space.candidate import Candidate
from ..space.mutation import Mutations
from ..space.sampling import Weights
from ..space.sizes import SizesSpace
from ..space.space import Space
from .table import BackboneTable

_STEP = 0.2
"""The chance to stop at the next nearest neighbour: a step leads to one of the 5 nearest in the mean."""
_CHOICES = 6
"""Neighbours that priorities choose among."""


@dataclass(frozen=True)
class TableSpace:
    """The backbones of a table.

    Args:
        table: of them.
        operations: of their formulas, for strategies that credit operations.
    """

    table: BackboneTable
    sizes: SizesSpace | None = None
    _identities: list[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_identities", list(self.table.backbones))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The names of all operations of the table's formulas."""
        return tuple(sorted(set().union(*(_operations(each) for each in self.table.backbones.values()))))

    def rejection(self, candidate: Candidate) -> str | None:
        """Why a backbone does not belong to it."""
        return None if candidate.identity in self.table.backbones else "it is not in the table"

    def sample(self, rng: random.Random) -> Candidate:
        """One of the backbones, drawn evenly."""
        return self.table.backbones[rng.choice(self._identities)]


class TableMutations(Mutations):
    """Steps to backbones of the table that are near, in the place of mutations.

    A table has no mutants but those that were measured. So a change of the layout is a step to one of the nearest
    others, the nearer the more likely; a change of formulas is a step to one of several such, drawn by the weights of
    the operations that it has and the parent has not, as priorities draw operations.
    """

    def layout(self, candidate: Candidate, space: Space, rng: random.Random) -> Candidate:
        """A near backbone."""
        return self._near(candidate, space, rng)

    def graph(
        self, candidate: Candidate, space: Space, rng: random.Random, weights: Weights | None = None
    ) -> Candidate:
        """A near backbone, by weight."""
        if weights is None:
            return self._near(candidate, space, rng)
        choices = [self._near(candidate, space, rng) for _ in range(_CHOICES)]
        return rng.choices(choices, [_worth(candidate, each, weights) for each in choices])[0]

    @staticmethod
    def _near(candidate: Candidate, space: Space, rng: random.Random) -> Candidate:
        assert isinstance(space, TableSpace)
        neighbours = space.table.neighbours[candidate.identity]
        place = 0
        while rng.random() > _STEP and place < len(neighbours) - 1:
            place += 1
        found = space.table.backbones[neighbours[place]]
        return replace(found, parent=candidate.parent, origin="near in the table")


def _operations(candidate: Candidate) -> Counter[str]:
    return Counter(node.name for graph in candidate.graphs.values() for node in graph.operations)


def _worth(parent: Candidate, child: Candidate, weights: Weights) -> float:
    """The mean weight of the operations that are new; the mean of all weights where there is none."""
    new = _operations(child) - _operations(parent)
    if not new:
        return sum(weights.values()) / len(weights)
    return sum(weights[name] * times for name, times in new.items()) / new.total()
