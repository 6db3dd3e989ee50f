"""Compromises: what is better in nothing without being worse in something else (Pareto dominance)."""

import math
from collections.abc import Sequence

Objectives = Sequence[float]
"""The larger the better, each of them."""


def dominates(one: Objectives, other: Objectives) -> bool:
    """Whether one is as good in every objective, and better in some."""
    return _covers(one, other) and any(a > b for a, b in zip(one, other, strict=True))


def pareto_front(points: Sequence[Objectives]) -> list[int]:
    """The places of those that no other dominates, by falling objectives; of equal ones, the first alone."""
    front: list[int] = []
    # What comes later in this order dominates nothing that came before.
    for place in sorted(range(len(points)), key=lambda place: [-value for value in points[place]]):
        if not any(_covers(points[known], points[place]) for known in front):
            front.append(place)
    return front


def _covers(one: Objectives, other: Objectives) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True))


def spread(points: Sequence[Objectives], number: int) -> list[int]:
    """The places of so many points that lie far from one another: the first, then always the one farthest from all.

    Each objective counts by its range among the points (the greedy choice of Gonzalez 1985, for the k-centre problem).
    """
    if not points or number < 1:
        return []
    ranges = [max(values) - min(values) or 1.0 for values in zip(*points, strict=True)]
    scaled = [[value / extent for value, extent in zip(point, ranges, strict=True)] for point in points]
    chosen = [0]
    nearest = [math.dist(point, scaled[0]) for point in scaled]
    while len(chosen) < min(number, len(points)):
        farthest = max((place for place in range(len(points)) if place not in chosen), key=nearest.__getitem__)
        chosen.append(farthest)
        nearest = [min(known, math.dist(point, scaled[farthest])) for known, point in zip(nearest, scaled, strict=True)]
    return sorted(chosen)
