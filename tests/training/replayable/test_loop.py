import pytest

from autobert_zero_hf.data.order import rows_at
from autobert_zero_hf.training.replayable.loop import learning_rate_at


def test_the_learning_rate_rises_for_a_tenth_and_falls_to_zero() -> None:
    rates = [learning_rate_at(step, 20, 3.0) for step in range(20)]
    assert rates[:3] == [1.5, 3.0, 3.0]
    assert rates[11] == pytest.approx(1.5)
    assert rates[-1] == pytest.approx(3.0 / 18)
    assert learning_rate_at(0, 1, 3.0) == 3.0


def test_a_batch_may_reach_over_the_end_of_an_epoch() -> None:
    # 5 + 5 + 2 | 3 + 5 + 4: the batches of five are one stream of whole permutations.
    stream = [row for step in range(5) for row in rows_at(step, 5, 12, seed=1)]
    assert sorted(stream[:12]) == sorted(stream[12:24]) == list(range(12))
    assert stream[:12] != stream[12:24]
    assert stream == [row for step in range(25) for row in rows_at(step, 1, 12, seed=1)]
    assert rows_at(0, 12, 12, seed=2) != stream[:12]
    # More rows than there are: each comes twice, and some thrice.
    assert sorted(rows_at(0, 8, 3, seed=0)[:6]) == [0, 0, 1, 1, 2, 2]
