"""Regularised evolution: tournaments in a population that forgets its oldest (Real et al. 2019, arXiv 1802.01548)."""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from autobert_zero_hf.options import Range, option

from ..space.candidate import Candidate
from ..space.mutation import USUAL_MUTATIONS, MutationOptions, Mutations
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .strategy import Proposing, Reject, at_least
from .table import StrategyContext, StrategyKind, register

if TYPE_CHECKING:
    from .options import StrategyOptions


@dataclass
class EvolutionOptions(MutationOptions):
    """Regularised evolution."""

    tournament: Annotated[int, Range(1, 1_000_000)] = option(10, "candidates that compete to be a parent, in evolution")


class RegularizedEvolution(Proposing):
    """Algorithm 1 of the paper; `generation_size` cycles run side by side, on the population at their begin.

    Args:
        space: where to search.
        rng: the source of all chance.
        population_size: P, the candidates that are alive.
        sample_size: S, the candidates of a tournament, drawn with replacement; its best has the child.
        generation_size: the children asked for at once; 1 is the paper's serial algorithm.
        reject: looks at a candidate before it is proposed.
        mutations: what children are made by.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        population_size: int = 100,
        sample_size: int = 25,
        generation_size: int = 10,
        reject: Reject | None = None,
        mutations: Mutations = USUAL_MUTATIONS,
    ):
        at_least(1, population_size=population_size, sample_size=sample_size, generation_size=generation_size)
        if sample_size > population_size:
            raise ValueError(f"sample_size={sample_size} must not exceed population_size={population_size}")
        super().__init__(space, rng, reject)
        self.population_size = population_size
        self.sample_size = sample_size
        self.generation_size = generation_size
        self.mutations = mutations
        self.population: deque[Evaluation] = deque()

    def ask(self) -> list[Candidate]:
        """The first population at random, then children; empty if nothing new is found."""
        missing = self.population_size - len(self.population)
        first = self._proposals.generation(lambda: self.space.sample(self._rng), missing)
        return first or self._proposals.generation(self._child, self.generation_size)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Each new one enters on the right; the oldest, however good, leaves on the left."""
        for evaluation in self._proposals.told(evaluations):
            self.population.append(evaluation)
            if len(self.population) > self.population_size:
                self.population.popleft()

    def _child(self) -> Candidate:
        sample = [self._rng.choice(self.population) for _ in range(self.sample_size)] if self.population else []
        parent = max(sample, key=lambda evaluation: evaluation.rank_key, default=None)
        if parent is None or parent.score is None:  # nothing to select by
            return self.space.sample(self._rng)
        mutations = self.mutations.among(each.candidate for each in sample if each.score is not None)
        return mutations.child(parent.candidate, self.space, self._rng)


def _make(context: StrategyContext, options: EvolutionOptions) -> RegularizedEvolution:
    return RegularizedEvolution(
        context.space,
        context.rng,
        context.population,
        options.tournament,
        context.generation_size,
        context.reject,
        Mutations(options.more_mutations),
    )


def _problems(options: EvolutionOptions, common: "StrategyOptions") -> Iterable[str]:
    if options.tournament > common.population:
        yield f"tournament ({options.tournament}) must not exceed population ({common.population})"


register(StrategyKind("evolution", "regularised evolution", _make, EvolutionOptions, problems=_problems))
