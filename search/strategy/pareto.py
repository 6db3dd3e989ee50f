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


def survivors(points: Sequence[Objectives], number: int) -> list[int]:
    """The places of so many points, the best first: front by front, of the last that fits in part the least crowded.

    The first front is what no other point dominates, the next one what of the rest no other dominates (NSGA-II; Deb et
    al. 2002, IEEE TEC 6:182).
    """
    chosen, rest = list[int](), list(range(len(points)))
    while rest and len(chosen) < number:
        best = {tuple(points[rest[place]]) for place in pareto_front([points[place] for place in rest])}
        front = [place for place in rest if tuple(points[place]) in best]
        distances = dict(zip(front, _crowding([points[place] for place in front]), strict=True))
        wanted = number - len(chosen)
        chosen += front if len(front) <= wanted else sorted(front, key=lambda place: -distances[place])[:wanted]
        rest = [place for place in rest if place not in distances]
    return chosen


def _crowding(front: Sequence[Objectives]) -> list[float]:
    """How far the neighbours of each are from one another, objective by objective; without end for the outermost."""
    found = [0.0] * len(front)
    for values in zip(*front, strict=True):
        order = sorted(range(len(front)), key=values.__getitem__)
        extent = values[order[-1]] - values[order[0]] or 1.0
        found[order[0]] = found[order[-1]] = math.inf
        for before, place, after in zip(order, order[1:], order[2:], strict=False):
            found[place] += (values[after] - values[before]) / extent
    return found


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
