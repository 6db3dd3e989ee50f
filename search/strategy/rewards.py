"""What scores are worth on the scale of a run, so that a strategy need not know what they measure."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

Scale = Literal["ranks", "range"]


def rewards(scores: Sequence[float | None], scale: Scale = "ranks") -> list[float]:
    """What each of some scores is worth, from 0 to 1; a failure, None, is worth 0.

    Args:
        scores: of all candidates.
        scale: "ranks" for the share of the others that it beats; "range" for its place between the worst score and the
            best, where a single outlier squeezes all others together.
    """
    known = sorted(score for score in scores if score is not None)
    if not known:
        return [0.0] * len(scores)
    if scale == "range":
        worst, spread = known[0], known[-1] - known[0] or 1.0
        return [0.0 if score is None else (score - worst) / spread for score in scores]
    failed, others = len(scores) - len(known), max(1, len(scores) - 1)
    return [0.0 if score is None else (failed + bisect_left(known, score)) / others for score in scores]
