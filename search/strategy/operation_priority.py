"""The priority of operations in OP-NAS: an upper confidence bound (arXiv 2107.07445; UCB1: Auer et al. 2002)."""

import math
from collections.abc import Iterable


class OperationPriority:
    """u_i = mu_i + alpha sqrt(2 ln N / N_i), and softmax(u) to draw from.

    mu_i is the mean score of the evaluated candidates that hold operation i, N_i how many there are, N the sum of all
    N_i. Scores enter on the scale of the run, 0 for the worst so far and 1 for the best, so that alpha means the
    same whatever the score measures.

    Args:
        operations: the names of the operations.
        alpha: how much an operation that was rarely tried is preferred; at least 0.
    """

    def __init__(self, operations: Iterable[str], alpha: float):
        if alpha < 0:
            raise ValueError(f"alpha must be at least 0, not {alpha}")
        self.alpha = alpha
        self._scores: dict[str, list[float]] = {name: [] for name in operations}

    def update(self, operations: Iterable[str], score: float) -> None:
        """Take in a candidate's score for each of its operations."""
        for name in operations:
            self._scores[name].append(score)

    def bounds(self) -> dict[str, float]:
        """u_i of each operation; one that was never evaluated counts as evaluated once, with the best score."""
        every = [score for scores in self._scores.values() for score in scores]
        worst, best = min(every, default=0.0), max(every, default=0.0)
        spread = (best - worst) or 1.0
        log = math.log(max(2, sum(max(1, len(scores)) for scores in self._scores.values())))
        return {
            name: (sum(scores) / len(scores) - worst) / spread + self.alpha * math.sqrt(2 * log / len(scores))
            if scores
            else 1.0 + self.alpha * math.sqrt(2 * log)
            for name, scores in self._scores.items()
        }

    def probabilities(self) -> dict[str, float]:
        """softmax(u)."""
        bounds = self.bounds()
        top = max(bounds.values())
        weights = {name: math.exp(bound - top) for name, bound in bounds.items()}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}
