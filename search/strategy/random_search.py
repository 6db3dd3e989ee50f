"""Random search, the baseline of every other strategy (Li and Talwalkar 2019, arXiv 1902.07638)."""

import random
from collections.abc import Sequence
from dataclasses import replace

from ..space.candidate import Candidate
from ..space.fast_sizes import FastSizes
from ..space.space import Space
from .evaluation import Evaluation
from .strategy import Proposing, Reject, at_least, need_sizes
from .table import StrategyContext, StrategyKind, register


class RandomSearch(Proposing):
    """Candidates drawn from the space, whatever the results.

    Args:
        space: where to search.
        rng: the source of all chance.
        generation_size: the candidates of a generation, which can be evaluated in parallel.
        reject: looks at a candidate before it is proposed.
    """

    def __init__(self, space: Space, rng: random.Random, generation_size: int = 10, reject: Reject | None = None):
        at_least(1, generation_size=generation_size)
        super().__init__(space, rng, reject)
        self.generation_size = generation_size

    def ask(self) -> list[Candidate]:
        """The next generation; empty if nothing new is found."""
        return self._proposals.generation(lambda: self.space.sample(self._rng), self.generation_size)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Check that they were asked for; nothing is learnt."""
        self._proposals.told(evaluations)


def _make(context: StrategyContext, _: None) -> RandomSearch:
    return RandomSearch(context.space, context.rng, context.generation_size, context.reject)


def _make_fast(context: StrategyContext, _: None) -> RandomSearch:
    part = replace(context.space, sizes=FastSizes.of(need_sizes(context.space, "fast")))
    return _make(replace(context, space=part), None)


register(StrategyKind("random", "random search", _make, searches_layers=False))
register(StrategyKind("fast", "random search among sizes of good proportions", _make_fast, searches_layers=False))
