"""Evolution whose children a predictor chooses: of many mutants those are evaluated that it takes for the best.

So NPENAS (Wei et al., arXiv 2003.12857) and BANANAS (White et al., arXiv 1910.11858) search, by neural networks. Here
the predictor is a linear model with shrinkage, which learns from a dozen scores, takes no time, and can be read.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from autobert_zero_hf.options import Range, option

from ..space.candidate import DRAWN, Candidate
from ..space.features import features
from ..space.mutation import USUAL_MUTATIONS, MutationOptions, Mutations
from ..space.search_space import SearchSpace
from .evaluation import Evaluation
from .rewards import rewards
from .strategy import Proposing, Reject, at_least
from .table import StrategyContext, StrategyKind, register

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_SHRINKAGE = tuple(10 ** (power / 2) for power in range(-4, 7))
"""Penalties of the ridge regression that are tried, by leaving one out."""
_ANEW = 0.3
"""The share of what is drawn that is no mutant, so that a predictor which is wrong does not hold the search back."""
_CHOSEN = "random, chosen by the predictor"
_DIGITS = 6
"""Of what is predicted: threads add in another order, and the same search must not depend on their number."""


@dataclass
class PredictorOptions(MutationOptions):
    """Evolution by a predictor."""

    drawn: Annotated[int, Range(1, 1_000)] = option(
        10, "backbones that a predictor looks at for each that it chooses, mutants and new ones"
    )


class Predictor(Proposing):
    """The first generation is random. Then, of mutants of the best and of new candidates, those that a ridge regression
    of all scores so far on `features` takes for the best.

    Scores are taken as ranks, a failure as the last, and the shrinkage is what predicts best where one is left out. No
    candidate is asked for twice. The same space, seed and told results give the same candidates.

    Args:
        space: where to search.
        rng: the source of all chance.
        population_size: the random candidates of the first generation.
        num_parents: the best candidates so far that have mutants.
        generation_size: the candidates of a generation.
        drawn: mutants and new candidates for each that is chosen.
        reject: looks at a candidate before it is proposed.
        mutations: what mutants are made by, one mutation each.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: random.Random,
        population_size: int = 24,
        num_parents: int = 5,
        generation_size: int = 10,
        drawn: int = 10,
        reject: Reject | None = None,
        mutations: Mutations = USUAL_MUTATIONS,
    ):
        at_least(
            1,
            population_size=population_size,
            num_parents=num_parents,
            generation_size=generation_size,
            drawn=drawn,
        )
        super().__init__(space, rng, reject)
        self.population_size = population_size
        self.num_parents = num_parents
        self.generation_size = generation_size
        self.drawn = drawn
        self.mutations = mutations
        self.population: list[Evaluation] = []
        self._features: list[dict[str, float]] = []

    def ask(self) -> list[Candidate]:
        """The next generation, what is taken for the best first; empty if nothing new is found."""
        parents = self._parents()
        missing = self.population_size - len(self.population)
        if missing > 0 or not parents:
            return self._new(missing if missing > 0 else self.generation_size)
        mutations, number = self.mutations.among(parents), self.drawn * self.generation_size

        def draw() -> Candidate:
            if self._rng.random() < _ANEW:
                anew = self.space.sample(self._rng)
                return replace(anew, origin=_CHOSEN) if anew.origin == DRAWN else anew
            return mutations.child(self._rng.choice(parents), self.space, self._rng)

        drawn = self._proposals.generation(draw, number) or self._new(number)
        worth = dict(zip(drawn, self.predicted(drawn), strict=True))
        ranked = sorted(drawn, key=lambda candidate: -worth[candidate])  # of two that are equal the earlier
        self._proposals.withdraw(ranked[self.generation_size :])
        return ranked[: self.generation_size]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in the results of a generation."""
        told = self._proposals.told(evaluations)
        self.population += told
        self._features += [features(each.candidate) for each in told]

    def predicted(self, candidates: Sequence[Candidate]) -> list[float]:
        """What the predictor takes candidates for: shares of those so far that they would beat, to six digits."""
        if not candidates:
            return []
        model = ridge_regression()
        model.fit(self._features, rewards([each.score for each in self.population]))
        return [round(float(each), _DIGITS) for each in model.predict([features(each) for each in candidates])]

    def _parents(self) -> list[Candidate]:
        scored = [each for each in self.population if each.score is not None]
        return [each.candidate for each in sorted(scored, key=lambda each: -each.rank_key)[: self.num_parents]]

    def _new(self, number: int) -> list[Candidate]:
        return self._proposals.generation(lambda: self.space.sample(self._rng), number)


def ridge_regression() -> "Pipeline":
    """The linear model of the predictor, of named numbers, whose penalty is chosen by leaving one out."""
    # The libraries take a second, which no other strategy should.
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(DictVectorizer(sparse=False), StandardScaler(), RidgeCV(_SHRINKAGE))


def _make(context: StrategyContext, options: PredictorOptions) -> Predictor:
    return Predictor(
        context.space,
        context.rng,
        context.population,
        context.parents,
        context.generation_size,
        options.drawn,
        context.reject,
        Mutations(options.more_mutations),
    )


register(StrategyKind("predictor", "evolution by a predictor", _make, PredictorOptions))
