"""Local search, begun anew where it is stuck: a strong baseline of architecture search (White et al. 2021, 2005.02960).

The paper evaluates all neighbours of a cell. A backbone of formulas has no end of them: here a few are drawn at a time.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from autobert_zero_hf.options import Range, option

from ..space.candidate import Candidate
from ..space.mutation import MUTATIONS, USUAL_MUTATIONS, Crossing, MutationOptions, Mutations
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .strategy import Proposing, Reject, at_least
from .table import StrategyContext, StrategyKind, register

if TYPE_CHECKING:
    from .options import StrategyOptions


@dataclass
class LocalSearchOptions(MutationOptions):
    """Local search."""

    restart_after: Annotated[int, Range(1, 1_000_000)] = option(
        3, "generations of neighbours, none of them better, after which local search begins elsewhere"
    )


class LocalSearch(Proposing):
    """Neighbours of one candidate, and then of the best of them, as long as one is better.

    Args:
        space: where to search.
        rng: the source of all chance.
        population_size: the random candidates of the first generation, of which the best is begun with.
        generation_size: the neighbours of a generation, and the random candidates where it begins elsewhere.
        restart_after: the generations without a better neighbour after which it does.
        reject: looks at a candidate before it is proposed.
        mutations: what neighbours are made by, one mutation each.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        population_size: int = 24,
        generation_size: int = 10,
        restart_after: int = 3,
        reject: Reject | None = None,
        mutations: Mutations = USUAL_MUTATIONS,
    ):
        at_least(1, population_size=population_size, generation_size=generation_size, restart_after=restart_after)
        super().__init__(space, rng, reject)
        self.generation_size = generation_size
        self.restart_after = restart_after
        self.mutations = mutations
        self.here: Evaluation | None = None
        self._start_size = population_size
        self._stale = 0

    def ask(self) -> list[Candidate]:
        """Neighbours; random candidates where none is begun with, or has new neighbours; empty if nothing is new."""
        neighbours = self._proposals.generation(self._neighbour, self.generation_size) if self.here else []
        if neighbours:
            return neighbours
        self.here = None
        return self._proposals.generation(lambda: self.space.sample(self._rng), self._start_size)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Go to the best, if it is better; of two with the same score the earlier."""
        scored = [evaluation for evaluation in self._proposals.told(evaluations) if evaluation.score is not None]
        best = max(scored, key=lambda evaluation: evaluation.rank_key, default=None)
        if best is not None and (self.here is None or best.rank_key > self.here.rank_key):
            self.here, self._stale, self._start_size = best, 0, self.generation_size
        elif self.here is not None:
            self._stale += 1
            if self._stale == self.restart_after:
                self.here, self._stale = None, 0

    def _neighbour(self) -> Candidate:
        assert self.here is not None
        return self.mutations.child(self.here.candidate, self.space, self._rng)


def _make(context: StrategyContext, options: LocalSearchOptions) -> LocalSearch:
    return LocalSearch(
        context.space,
        context.rng,
        context.population,
        context.generation_size,
        options.restart_after,
        context.reject,
        Mutations(options.more_mutations),
    )


def _problems(options: LocalSearchOptions, _: "StrategyOptions") -> Iterable[str]:
    if crossings := [name for name in options.more_mutations if isinstance(MUTATIONS.get(name), Crossing)]:
        yield f"more_mutations: {', '.join(crossings)} needs several parents, and local search has one: leave that out"


register(
    StrategyKind(
        "local-search",
        "local search that begins anew where it is stuck",
        _make,
        LocalSearchOptions,
        problems=_problems,
    )
)
