"""The losses that are kept of a training."""

import math
from itertools import pairwise

import pytest

from autobert_zero_hf.training.replayable.curve import LossCurve


@pytest.mark.parametrize(("steps", "points"), [(1, 1), (7, 7), (50, 50), (120, 50), (1003, 50)])
def test_means_over_equal_shares_of_the_steps(steps: int, points: int) -> None:
    curve = LossCurve(steps)
    for step in range(1, steps + 1):
        curve.add(step, float(step))
    means = curve.means
    assert len(means) == points and means == sorted(means)
    # Shares of n or n + 1 steps, one after the other: what they sum to is what all steps do.
    firsts = [math.ceil(share * steps / points) + 1 for share in range(points + 1)]
    firsts[-1] = steps + 1
    assert means == pytest.approx([(first + after - 1) / 2 for first, after in pairwise(firsts)], abs=1e-5)


def test_it_goes_on_where_it_was_and_leaves_out_what_is_no_number() -> None:
    whole, first = LossCurve(4), LossCurve(4)
    losses = [3.0, math.nan, 1.0, math.inf]
    for step, loss in enumerate(losses, start=1):
        whole.add(step, loss)
    for step in (1, 2):
        first.add(step, losses[step - 1])
    second = LossCurve(4, first.state)
    for step in (3, 4):
        second.add(step, losses[step - 1])
    assert second.means == whole.means == [3.0, 1.0]
