"""A latency budget: what a strategy rejects by prediction, and what is judged by measurement (2021.acl-long.400)."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ..space.candidate import Candidate
from ..space.sizes import Sizes, SizesSpace
from ..space.space import Space
from ..strategy.strategy import Reject
from .measuring import Latency, LatencyError

Verdict = Literal["within", "outside", "not clear"]

_DRAWS = 500
_BEST = 10


@dataclass(frozen=True)
class LatencyBand:
    """Rejects candidates whose predicted latency is not near a target; for a strategy's `reject`.

    Args:
        predict: a candidate's latency in milliseconds, such as a `LatencyPredictor`.
        target: in milliseconds: the budget.
        lower: times the target is the least that is admitted; what is faster could be larger, and better.
        upper: times the target is the most.

    Raises:
        ValueError: if the target is not above 0, or the bounds do not enclose 1.
    """

    predict: Callable[[Candidate], float]
    target: float
    lower: float = 0.85
    upper: float = 1.1

    def __post_init__(self) -> None:
        if not self.target > 0:
            raise ValueError(f"a target of {self.target} ms: it must be above 0")
        if not 0 <= self.lower <= 1 <= self.upper:
            raise ValueError(f"a band from {self.lower} to {self.upper} times the target: 1 must lie in it")

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the most that is admitted, in milliseconds."""
        return self.lower * self.target, self.upper * self.target

    def __call__(self, candidate: Candidate) -> str | None:
        """The reason to reject it, or None; one of two, so that they can be counted."""
        low, high = self.limits
        milliseconds = self.predict(candidate)
        return "too slow" if milliseconds > high else "too fast" if milliseconds < low else None

    def judge(self, latency: Latency) -> Verdict:
        """Whether a measured latency keeps to the band: not clear where the interval of its median crosses a limit."""
        (low, high), (least, most) = self.limits, latency.interval
        if low <= least and most <= high:
            return "within"
        return "outside" if most < low or high < least else "not clear"

    def check(self, space: Space, also: Reject | None = None) -> Candidate:
        """A candidate of the space that is admitted: the one whose predicted latency is closest to the target.

        It is looked for among random candidates, the same in the smallest and largest sizes, and from the best of them
        on by changes of one size at a time; the largest and smallest are exact, since predictions rise with sizes.

        Args:
            space: where to look.
            also: a further rejection; what it rejects is left out.

        Raises:
            LatencyError: if there is none; it names the closest and its latency.
        """
        closest = self._closest(space, also)
        if closest is None:
            raise LatencyError("the other limits reject every backbone that was tried: give wider ones")
        if self(closest) is not None:
            low, high = self.limits
            shape = str(closest.sizes) if closest.sizes is not None else " | ".join(closest.layers)
            raise LatencyError(
                f"no backbone of the space is predicted to take {low:.2f} to {high:.2f} ms, {self.lower:g} to "
                f"{self.upper:g} times the target of {self.target:.2f} ms; the closest takes "
                f"{self.predict(closest):.2f} ms: {shape}. Give a target near that, or another space"
            )
        return closest

    def _closest(self, space: Space, also: Reject | None) -> Candidate | None:
        distance = self._distance
        rng = random.Random(0)
        sampled = [space.sample(rng) for _ in range(_DRAWS)]
        pool = dict.fromkeys([*sampled, *(corner for each in sampled for corner in _corners(each, space))])
        admitted = sorted((c for c in pool if also is None or also(c) is None), key=distance)
        found = []
        for best in admitted[:_BEST]:
            while True:
                nearer = [c for c in _neighbours(best, space) if also is None or also(c) is None]
                step = min(nearer, key=distance, default=best)
                if distance(step) >= distance(best):
                    break
                best = step
            found.append(best)
        return min(found, key=distance, default=None)

    def _distance(self, candidate: Candidate) -> float:
        """From the target, as a ratio; 0 is on it."""
        ratio = self.predict(candidate) / self.target
        return max(ratio, 1 / ratio) - 1 if ratio > 0 else float("inf")


def _corners(candidate: Candidate, space: Space) -> Iterator[Candidate]:
    """A candidate in the smallest sizes, fewest layers included, and in the largest that so many layers have."""
    sizes = getattr(space, "sizes", None)
    if candidate.sizes is None or sizes is None:
        return
    for corner in (sizes.smallest, replace(sizes.largest, num_hidden_layers=len(candidate.layers))):
        yield from _resized(candidate, corner, space)


def _neighbours(candidate: Candidate, space: Space) -> Iterator[Candidate]:
    """Those that differ in one size."""
    sizes: SizesSpace | None = getattr(space, "sizes", None)
    if candidate.sizes is None or sizes is None:
        return
    for name, steps in sizes.steps.items():
        for value in steps.values:
            if value != getattr(candidate.sizes, name):
                yield from _resized(candidate, replace(candidate.sizes, **{name: value}), space)


def _resized(candidate: Candidate, sizes: Sizes, space: Space) -> Iterator[Candidate]:
    """The candidate's bottom layers in other sizes, if it has as many, and they belong to the space."""
    if sizes.num_hidden_layers <= len(candidate.layers):
        resized = Candidate(candidate.layers[: sizes.num_hidden_layers], sizes=sizes, block=candidate.block)
        if space.rejection(resized) is None:
            yield resized
