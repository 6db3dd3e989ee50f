"""The evolved search of AutoTinyBERT (Yin et al. 2021, 2021.acl-long.400), over sizes."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from ..space.candidate import Candidate
from ..space.mutation import USUAL_MUTATIONS, MutationOptions, Mutations
from ..space.space import SizedSpace
from .evaluation import Evaluation
from .strategy import Proposing, Reject, at_least, need_sizes
from .table import StrategyContext, StrategyKind, register

_FRESH = 0.5
"""The share of candidates that are drawn from the space, and not mutated from a parent."""


class EvolvedSizes(Proposing):
    """Half of the proposed candidates are random; the others are mutants of the best so far, in other sizes.

    A parent is drawn by a roulette wheel: its weight is its score less the least of all parents. The layers of a parent
    stay, but for its depth; other layers come with random candidates alone.

    Args:
        space: where to search.
        rng: the source of all chance.
        num_parents: how many of the best so far are parents; 25 in the paper.
        generation_size: the candidates of a generation, which can be evaluated in parallel.
        reject: looks at a candidate before it is proposed.
        mutations: what mutants are made by.

    Raises:
        ValueError: if an argument is out of its range, or the candidates of the space have no sizes of their own.
    """

    def __init__(
        self,
        space: SizedSpace,
        rng: random.Random,
        num_parents: int = 25,
        generation_size: int = 25,
        reject: Reject | None = None,
        mutations: Mutations = USUAL_MUTATIONS,
    ):
        at_least(1, num_parents=num_parents, generation_size=generation_size)
        need_sizes(space, "evolved")
        super().__init__(space, rng, reject)
        self.num_parents = num_parents
        self.generation_size = generation_size
        self.mutations = mutations
        self.parents: list[Evaluation] = []

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        return list(islice(iter(self._propose, None), self.generation_size))

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep the best; the earlier of two with the same score."""
        scored = [evaluation for evaluation in self._proposals.told(evaluations) if evaluation.score is not None]
        ranked = sorted([*self.parents, *scored], key=lambda evaluation: -evaluation.rank_key)
        self.parents = ranked[: self.num_parents]

    def _propose(self) -> Candidate | None:
        """A new candidate; None if there is none."""
        # Decided before any draw is rejected: mutants of what keeps to a budget mostly do, random candidates seldom,
        # and these would be few if each draw were decided anew.
        sources: list[Callable[[], Candidate]] = [partial(self.space.sample, self._rng)]
        if self.parents:
            sources.insert(self._rng.random() < _FRESH, self._mutant)
        found = map(self._proposals.draw, sources)
        return next((candidate for candidate in found if candidate is not None), None)

    def _mutant(self) -> Candidate:
        least = self.parents[-1].rank_key
        weights = [evaluation.rank_key - least for evaluation in self.parents]
        # All with the same score, one parent among them, have the same chance.
        (parent,) = self._rng.choices(self.parents, weights if any(weights) else None)
        start = replace(parent.candidate, parent=parent.candidate.identity, origin="")
        return self.mutations.sizes(start, self.space, self._rng)


def _make(context: StrategyContext, options: MutationOptions) -> EvolvedSizes:
    mutations = Mutations(options.more_mutations)
    return EvolvedSizes(
        context.space, context.rng, context.population, context.generation_size, context.reject, mutations
    )


register(StrategyKind("evolved", "evolved sizes", _make, MutationOptions, searches_layers=False))
