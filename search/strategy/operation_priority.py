"""The priority of operations in OP-NAS: an upper confidence bound (arXiv 2107.07445; UCB1: Auer et al. 2002)."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from .rewards import Scale, rewards

Credit = Literal["presence", "occurrences"]


class OperationPriority:
    """u_i = mu_i + alpha sqrt(2 ln N / N_i), and softmax(u / temperature) to draw from.

    mu_i is the mean reward of the evaluated candidates that hold operation i, N_i how many there are, N the sum of all
    N_i. Rewards are from 0 to 1 on the scale of the run, so that alpha means the same whatever the score measures. A
    failure is rewarded with 0.

    Two things make the paper's priorities nearly even. At temperature 1 no difference of rewards makes one operation
    more than e times as likely as another. And in a deep backbone nearly every candidate holds every operation, so that
    all mu_i are the same mean.

    Args:
        operations: the names of the operations.
        alpha: how much an operation that was rarely tried is preferred; at least 0.
        scale: "ranks" rewards a candidate with the share of the others that it beats; "range" with its place between
            the worst score so far and the best, where a single outlier squeezes all others together.
        credit: "presence" counts a candidate once for an operation that it holds, as the paper does; "occurrences" as
            often as the operation occurs in it.
        temperature: the lower, the more the differences of u_i matter; 1 in the paper.
    """

    def __init__(
        self,
        operations: Iterable[str],
        alpha: float,
        scale: Scale = "ranks",
        credit: Credit = "presence",
        temperature: float = 1.0,
    ):
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha must be at least 0 and finite, not {alpha}")
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be greater than 0 and finite, not {temperature}")
        for name, value, known in (("scale", scale, get_args(Scale)), ("credit", credit, get_args(Credit))):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        self.alpha = alpha
        self.scale = scale
        self.credit = credit
        self.temperature = temperature
        self._names = tuple(operations)
        self._told: list[tuple[dict[str, int], float | None]] = []

    def update(self, operations: Iterable[str], score: float | None) -> None:
        """Take in a candidate's score, or its failure, for its operations, each as often as it occurs."""
        counts = Counter(operations)
        self._told.append((dict.fromkeys(counts, 1) if self.credit == "presence" else dict(counts), score))

    def rewards(self) -> list[float]:
        """What each candidate is worth on the scale of the run, in the order in which they were told."""
        return rewards([score for _, score in self._told], self.scale)

    def bounds(self) -> dict[str, float]:
        """u_i of each operation; one that was never evaluated counts as evaluated once, with the best reward."""
        sums, counts = dict.fromkeys(self._names, 0.0), dict.fromkeys(self._names, 0)
        for (operations, _), reward in zip(self._told, self.rewards(), strict=True):
            for name, times in operations.items():
                sums[name] += times * reward
                counts[name] += times
        log = math.log(max(2, sum(max(1, count) for count in counts.values())))
        return {
            name: (sums[name] / count if count else 1.0) + self.alpha * math.sqrt(2 * log / max(1, count))
            for name, count in counts.items()
        }

    def probabilities(self) -> dict[str, float]:
        """The probability of each operation: softmax(u / temperature)."""
        bounds = self.bounds()
        top = max(bounds.values())
        weights = {name: math.exp((bound - top) / self.temperature) for name, bound in bounds.items()}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}
