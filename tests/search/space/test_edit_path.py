"""The shortest way between two backbones, against all ways, and what stands on it."""

import itertools
from collections.abc import Sequence

import pytest
from autobert_zero_hf.search.space.edit_path import EditPath, layer_distance
from hypothesis import given
from hypothesis import strategies as st

from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION

LINES = ("conv(3)", "conv(9)", "conv(3) + none", "fourier", BERT_ATTENTION, AUTOBERT_ZERO[5])
backbones = st.lists(st.sampled_from(LINES), max_size=4)


def distance(one: Sequence[str], other: Sequence[str]) -> float:
    return EditPath.between(one, other).length


def shortest(one: Sequence[str], other: Sequence[str]) -> float:
    """By all ways to put some layers side by side, in their order."""
    found = []
    for many in range(min(len(one), len(other)) + 1):
        for mine, theirs in itertools.product(itertools.combinations(one, many), itertools.combinations(other, many)):
            changes = sum(layer_distance(a, b) for a, b in zip(mine, theirs, strict=True))
            found.append(changes + 0.5 * (len(one) + len(other) - 2 * many))
    return min(found)


@given(backbones, backbones)
def test_it_is_the_shortest(one: list[str], other: list[str]) -> None:
    assert distance(one, other) == shortest(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)


@given(backbones, backbones, backbones)
def test_it_is_a_metric(one: list[str], other: list[str], third: list[str]) -> None:
    assert distance(one, third) <= distance(one, other) + distance(other, third)


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(*[st.lists(st.sampled_from(LINES), min_size=n, max_size=n)] * 2)))
def test_whichever_edits_are_made_the_backbone_is_between_the_two(both: tuple[list[str], list[str]]) -> None:
    one, other = both
    path = EditPath.between(one, other)
    assert path.after([]) == tuple(one) and path.after(path.edits) == tuple(other)
    for many in range(len(path.edits) + 1):
        for edits in itertools.combinations(path.edits, many):
            between = path.after(edits)
            assert len(between) == len(one)
            assert distance(one, between) + distance(between, other) == path.length


def test_a_layer_that_moves_comes_and_goes_at_once() -> None:
    path = EditPath.between(["fourier", "conv(3)", "conv(9)"], ["conv(3)", "conv(9)", "fourier"])
    assert path.length == 1.0 and len(path.edits) == 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("conv(3)", " conv( 3 )", 0.0),
        ("conv(3)", "conv(3) + none", 0.5),
        (BERT_ATTENTION, "matmul(q, matmul(transpose(k), v))", 0.5),
        ("conv(3)", BERT_ATTENTION, 1.0),
    ],
)
def test_how_far_a_layer_is_from_another(one: str, other: str, expected: float) -> None:
    assert layer_distance(one, other) == expected
