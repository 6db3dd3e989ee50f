"""The losses of a training, few enough to be kept."""

import math

_MOST = 50


class LossCurve:
    """Mean losses over equal shares of the steps of a training, at most 50 of them.

    Args:
        steps: of the training.
        state: what `state` of an earlier one gave, to go on with.
    """

    def __init__(self, steps: int, state: tuple[list[float], list[int]] | None = None):
        self._steps = steps
        empty = [0.0] * min(steps, _MOST), [0] * min(steps, _MOST)
        self._sums, self._counts = empty if state is None else (list(state[0]), list(state[1]))

    @property
    def state(self) -> tuple[list[float], list[int]]:
        """The sums of the losses of each share, and how many there were."""
        return self._sums, self._counts

    def add(self, step: int, loss: float) -> None:
        """Take in the loss of a step, counted from 1; one that is not finite is left out."""
        if math.isfinite(loss):
            place = (step - 1) * len(self._sums) // self._steps
            self._sums[place] += loss
            self._counts[place] += 1

    @property
    def means(self) -> list[float]:
        """The mean loss of each share, in order; shares without any are left out."""
        return [round(total / count, 5) for total, count in zip(self._sums, self._counts, strict=True) if count]
