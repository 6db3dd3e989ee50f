"""The cheapest order against every order there is."""

import random

import pytest

from autobert_zero_hf.model.association import Chain, Order, first_factor


def every_order(first: int, last: int) -> list[Order]:
    if first == last:
        return [first]
    return [
        (left, right)
        for middle in range(first, last)
        for left in every_order(first, middle)
        for right in every_order(middle + 1, last)
    ]


def cost(order: Order, sizes: list[int]) -> tuple[int, int, int]:
    """Multiplications, rows and columns."""
    if isinstance(order, int):
        return 0, sizes[order], sizes[order + 1]
    (a, rows, between), (b, _, columns) = (cost(part, sizes) for part in order)
    return a + b + rows * between * columns, rows, columns


@pytest.mark.parametrize("factors", range(1, 8))
def test_the_order_is_the_cheapest(factors: int) -> None:
    rng = random.Random(factors)
    for _ in range(20):
        sizes = [rng.choice([3, 64, 1000]) for _ in range(factors + 1)]
        found, order = Chain(sizes, {}).best(0, factors - 1)
        assert found == cost(order, sizes)[0] == min(cost(o, sizes)[0] for o in every_order(0, factors - 1))


def test_linear_attention_depends_on_the_length() -> None:
    """q (k^T v) on long sequences, (q k^T) v on short ones."""
    assert Chain([1000, 64, 1000, 64], {}).best(0, 2)[1] == (0, (1, 2))
    assert Chain([16, 64, 16, 64], {}).best(0, 2)[1] == ((0, 1), 2)


def test_weights_are_fused_with_a_value() -> None:
    """a (F x T) times weights (T x T) times v (T x F), whatever the sizes."""
    for tokens in (10, 1000):
        sizes = [64, tokens, tokens, 64]
        assert Chain(sizes, {1: [3]}).best(0, 2)[1] == (0, (1, 2))
        assert Chain(sizes, {1: [0]}).best(0, 2)[1] == ((0, 1), 2), "transposed: the value is on the left"
        assert Chain(sizes, {1: []}).best(0, 2) is None


def test_the_first_factor() -> None:
    assert first_factor(((2, 3), 4)) == 2
