"""The table of mutations, and how one of them is drawn."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from autobert_zero_hf.options import OneOf, option
from autobert_zero_hf.tables import Table

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from ..space import SizedSpace

Level = Literal["layout", "graph", "sizes"]
"""What a mutation changes: whole layers (inter-layer), the formulas of attentions (intra-layer), or sizes."""


class Mutation(Protocol):
    """A small random change of a candidate; its `name` stands in the candidate's origin."""

    name: str
    level: ClassVar[Level]

    def is_for(self, space: Any) -> bool:
        """Whether the mutation can change anything in a space; in others it is not drawn."""
        ...

    def __call__(
        self, candidate: Candidate, space: Any, rng: random.Random, weights: Weights | None = None
    ) -> Candidate | None:
        """A mutant of the space, whose new operations are drawn by weight; None where the mutation does not apply."""
        ...


@runtime_checkable
class Crossing(Mutation, Protocol):
    """A mutation that makes a child of two candidates; as a call, which has one alone, it does not apply."""

    def crossed(
        self, candidate: Candidate, mates: Sequence[Candidate], space: Any, rng: random.Random
    ) -> Candidate | None:
        """A child of the candidate and one of the others; None where there is none in the space."""
        ...


MUTATIONS: Table[Mutation] = Table("mutation", __name__.rpartition(".")[0])
register = MUTATIONS.register

USUAL = (
    "swap type", "change kernel", "change feed-forward",
    "replace", "rewire", "insert", "delete", "regrow",
    "change sizes", "change block",
)  # fmt: skip
"""Those that every search draws from, as far as they are for its space, in this order, on which the draws depend: one
more for the same space would be another search."""


@dataclass
class MutationOptions:
    """The mutations, of strategies that have parents and children."""

    more_mutations: Annotated[list[str], OneOf(MUTATIONS)] = option(
        (), f"mutations besides those of every search, which are {', '.join(USUAL)}; one of"
    )


@dataclass(frozen=True)
class Mutations:
    """The mutations that children are made by; each level draws evenly among its own.

    Args:
        more: the names of those that come after the usual ones.
        mates: the candidates that crossings may take from.
    """

    more: Sequence[str] = ()
    mates: Sequence[Candidate] = ()

    def among(self, mates: Iterable[Candidate]) -> "Mutations":
        """These mutations, where crossings take from these candidates."""
        return replace(self, mates=tuple(mates))

    def layout(self, candidate: Candidate, space: SearchSpace, rng: random.Random) -> Candidate:
        """One inter-layer mutation, drawn evenly among those that apply; the candidate as it is if none does."""
        return self._mutate("layout", candidate, space, rng, None)

    def graph(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
    ) -> Candidate:
        """One intra-layer mutation, drawn evenly among those that apply; the candidate as it is if none does.

        New operations are drawn by `weights`.
        """
        return self._mutate("graph", candidate, space, rng, weights)

    def sizes(self, candidate: Candidate, space: SizedSpace, rng: random.Random) -> Candidate:
        """Other sizes; the candidate as it is if it has none of its own, or no others are legal."""
        return self._mutate("sizes", candidate, space, rng, None)

    def child(self, parent: Candidate, space: SearchSpace, rng: random.Random) -> Candidate:
        """A child that one mutation makes, of a level drawn evenly: layout, formulas, and sizes where these vary."""
        levels: list[Callable[..., Candidate]] = [self.layout, self.graph]
        if space.sizes is not None:
            levels.append(self.sizes)
        return rng.choice(levels)(replace(parent, parent=parent.identity, origin=""), space, rng)

    def of(self, level: Level) -> list[Mutation]:
        """The mutations of a level."""
        mutations = (MUTATIONS[name] for name in dict.fromkeys((*USUAL, *self.more)))
        return [mutation for mutation in mutations if mutation.level == level]

    def _mutate(
        self,
        level: Level,
        candidate: Candidate,
        space: SearchSpace | SizedSpace,
        rng: random.Random,
        weights: Weights | None,
    ) -> Candidate:
        if isinstance(space, SearchSpace):
            candidate, weights = space.conforming(candidate, rng), space.weighted(weights)
        mutations = [mutation for mutation in self.of(level) if mutation.is_for(space)]
        # A level of one mutation has nothing to draw.
        for mutation in rng.sample(mutations, len(mutations)) if len(mutations) > 1 else mutations:
            if isinstance(mutation, Crossing):
                mutant = mutation.crossed(candidate, self.mates, space, rng)
            else:
                mutant = mutation(candidate, space, rng, weights)
            if mutant is not None:
                return mutant
        return candidate


USUAL_MUTATIONS = Mutations()
"""Those of every search."""
