"""Dominance against a definition that compares all with all."""

import functools

import pytest
from autobert_zero_hf.search.strategy.pareto import dominates, pareto_front, spread, survivors
from hypothesis import given
from hypothesis import strategies as st

# Few values, so that many are equal.
points = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[st.integers(-3, 3).map(float)] * n), max_size=30))


@given(points)
def test_the_front_is_what_nothing_dominates_and_equals_come_once(points: list[tuple[float, ...]]) -> None:
    front = pareto_front(points)
    expected = {point for point in points if not any(dominates(other, point) for other in points)}
    assert {points[place] for place in front} == expected
    assert len(front) == len(expected)
    assert all(points.index(points[place]) == place for place in front), "of equal ones the first"
    assert [points[place] for place in front] == sorted(expected, reverse=True)


@given(points)
def test_dominance_is_a_strict_order(points: list[tuple[float, ...]]) -> None:
    for one in points[:8]:
        assert not dominates(one, one)
        for other in points[:8]:
            assert not (dominates(one, other) and dominates(other, one))


@given(points, st.integers(0, 6))
def test_a_spread_is_of_so_many_and_begins_with_the_first(points: list[tuple[float, ...]], number: int) -> None:
    chosen = spread(points, number)
    assert len(chosen) == len(set(chosen)) == min(number, len(points))
    assert chosen == sorted(chosen)
    if chosen:
        assert chosen[0] == 0


def test_a_spread_takes_the_ends_and_then_the_middle() -> None:
    line = [(float(x), 1000.0 - 10 * x) for x in (0, 1, 2, 5, 9, 10)]
    assert spread(line, 2) == [0, 5]
    assert spread(line, 3) == [0, 3, 5]


def test_objectives_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        dominates((1.0,), (1.0, 2.0))


@given(points, st.integers(1, 12))
def test_survivors_come_front_by_front(points: list[tuple[float, ...]], number: int) -> None:
    chosen = survivors(points, number)
    assert len(chosen) == len(set(chosen)) == min(number, len(points))

    @functools.cache
    def depth(place: int) -> int:
        """In which front a point is, by the chains that end in it."""
        above = [other for other in range(len(points)) if dominates(points[other], points[place])]
        return 1 + max(map(depth, above), default=0)

    depths = [depth(place) for place in chosen]
    left = [depth(place) for place in range(len(points)) if place not in chosen]
    assert depths == sorted(depths)
    assert not left or max(depths) <= min(left)


def test_of_a_front_that_fits_in_part_the_ends_survive_and_then_the_loneliest() -> None:
    points = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (7.0, 3.0), (10.0, 0.0)]
    assert set(survivors(points, 3)) == {0, 4, 3}
