"""Screening: of what a strategy proposes, the better part by a cheap measure is evaluated (arXiv 2101.08134)."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ..space.candidate import Candidate
from .evaluation import Evaluation
from .strategy import Strategy


class Screened:
    """A strategy of which only the best of each generation are asked for; it is never told of the others.

    `worth` has what was measured of each, by its identity, and `seconds` how long that took in all.

    Args:
        strategy: proposes.
        worth: of a candidate, the higher the better; the same whenever it is asked, since a search that goes on asks
            again.
        keep: the share of a generation that is asked for, one candidate at least.

    Raises:
        ValueError: if the share is not above 0 and at most 1.
    """

    def __init__(self, strategy: Strategy, worth: Callable[[Candidate], float], keep: float):
        if not 0 < keep <= 1:
            raise ValueError(f"keep is above 0 and at most 1, not {keep}")
        self.worth: dict[str, float] = {}
        self.seconds = 0.0
        self._strategy = strategy
        self._measure = worth
        self._keep = keep
        self._screened_out: set[str] = set()

    @property
    def rejections(self) -> Counter[str]:
        """How many draws were not proposed, by reason."""
        return self._strategy.rejections + Counter({"screened out": len(self._screened_out)})

    def ask(self) -> list[Candidate]:
        """The best of the next generation, in the order in which they were proposed; of two equal ones the earlier."""
        proposed = self._strategy.ask()
        start = time.perf_counter()
        self.worth |= {candidate.identity: self._measure(candidate) for candidate in proposed}
        self.seconds += time.perf_counter() - start
        ranked = sorted(proposed, key=lambda candidate: -self.worth[candidate.identity])
        kept = {candidate.identity for candidate in ranked[: math.ceil(self._keep * len(proposed))]}
        self._screened_out.update(candidate.identity for candidate in proposed if candidate.identity not in kept)
        return [candidate for candidate in proposed if candidate.identity in kept]

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take in results of what was asked for."""
        for evaluation in evaluations:
            if evaluation.candidate.identity in self._screened_out:
                raise ValueError(f"told what was not asked for, or twice: {' | '.join(evaluation.candidate.layers)}")
        self._strategy.tell(evaluations)
