"""Where the nodes of a formula's graph stand: a layered drawing (Sugiyama, Tagawa, Toda 1981).

Nodes stand in rows, operands below what uses them. A line that passes rows on its way up has a place of its own in
each of them, so that it runs through no box. Within a row the order is the one with the fewest crossings that sweeps
down and up come to, and the places are as near to what they are joined with as the widths allow.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..model import AttentionGraph

_ORDERINGS, _SHIFTS = 8, 60
"""Sweeps; more change nothing that is seen."""
_STRENGTHS = (2.0, 0.25, 8.0)
"""How strongly things pull at one another: two nodes, a node and a line that passes its row, two parts of such a line.
Lines are straight, and bend at their ends, rather than nodes leave what they are computed from."""

Item = tuple[int, int]
"""A node, or the line that comes from it, and a row."""
Joined = dict[Item, list[tuple[Item, float]]]
"""What each item is joined with in the row beside, and how far right of the upper one's centre."""


class Layers:
    """The rows of a graph, the lowest first, and the place of everything in them.

    Args:
        graph: the formula.
        widths: of its nodes.
        gap: what stays free between things side by side.
    """

    def __init__(self, graph: AttentionGraph, widths: Sequence[float], gap: float):
        self._graph, self._widths, self._gap = graph, widths, gap
        self.ranks = _ranks(graph)
        self._rows: list[list[Item]] = [[] for _ in range(max(self.ranks) + 1)]
        self._above: Joined = {}
        self._below: Joined = {}
        self._join()
        self._order()
        self.centres = self._place()
        """The x of each item."""

    def width(self, item: Item) -> float:
        """What an item takes; a line takes nothing."""
        place, row = item
        return self._widths[place] if self.ranks[place] == row else 0.0

    def port(self, user: int, number: int) -> float:
        """Where an operand enters an operation, from its centre: the first one on the left."""
        return ((number + 1) / (len(self._graph.nodes[user].operands) + 1) - 0.5) * self._widths[user]

    def _join(self) -> None:
        nodes = self._graph.nodes
        # In the order in which the formula is read, which is a good one to begin with.
        for place in _as_read(self._graph):
            tops = [self.ranks[user] for user, node in enumerate(nodes) if place in node.operands]
            line = [(place, row) for row in range(self.ranks[place], max(tops, default=self.ranks[place] + 1))]
            for item in line:
                self._rows[item[1]].append(item)
                self._above[item], self._below[item] = [], []
            for lower, upper in pairwise(line):
                self._connect(lower, upper, 0.0)
        for user, node in enumerate(nodes):
            for number, operand in enumerate(node.operands):
                self._connect((operand, self.ranks[user] - 1), (user, self.ranks[user]), self.port(user, number))

    def _connect(self, lower: Item, upper: Item, port: float) -> None:
        self._above[lower].append((upper, port))
        self._below[upper].append((lower, port))

    def _order(self) -> None:
        """Each row by the mean place of what it is joined with: down by the row above, up by the row below."""
        best, fewest = [list(row) for row in self._rows], self._crossings()
        for sweep in range(_ORDERINGS):
            downwards = sweep % 2 == 0
            beside = self._above if downwards else self._below
            for row in self._rows[::-1] if downwards else self._rows:
                places = self._places()

                def wanted(item: Item, places: Mapping[Item, int] = places, beside: Joined = beside) -> float:
                    # Of operands of the same operation, the first one on the left: a port counts less than a place.
                    found = [places[other] + port / 1e4 for other, port in beside[item]]
                    return sum(found) / len(found) if found else places[item]

                row.sort(key=wanted)
            if (crossings := self._crossings()) < fewest:
                best, fewest = [list(row) for row in self._rows], crossings
        self._rows = best

    def _places(self) -> dict[Item, int]:
        return {item: place for row in self._rows for place, item in enumerate(row)}

    def _crossings(self) -> int:
        places, found = self._places(), 0
        for row in self._rows:
            ends: list[tuple[int, float]] = []
            for item in row:
                up = [(places[upper], port) for upper, port in self._above[item]]
                found += sum(len(ends) - bisect_right(ends, end) for end in up)
                for end in up:
                    insort(ends, end)
        return found

    def _place(self) -> dict[Item, float]:
        centres = {item: 0.0 for row in self._rows for item in row}
        for sweep in range(_SHIFTS):
            for row in self._rows[::-1] if sweep % 2 == 0 else self._rows:
                centres.update(zip(row, self._apart(row, [self._pulled(item, centres) for item in row]), strict=True))
        return centres

    def _pulled(self, item: Item, centres: Mapping[Item, float]) -> tuple[float, float]:
        """Where what an item is joined with would have it, and how strongly."""
        pulls = [(centres[upper] + port, self._strength(item, upper)) for upper, port in self._above[item]]
        pulls += [(centres[lower] - port, self._strength(lower, item)) for lower, port in self._below[item]]
        strength = sum(each for _, each in pulls)
        return (sum(x * each for x, each in pulls) / strength, strength) if pulls else (centres[item], 1.0)

    def _strength(self, lower: Item, upper: Item) -> float:
        return _STRENGTHS[sum(self.ranks[place] != row for place, row in (lower, upper))]

    def _apart(self, row: Sequence[Item], wanted: Sequence[tuple[float, float]]) -> list[float]:
        """Centres in the row's order, nothing overlapping, with the least sum of squared distances from those wanted.

        What must be apart by fixed distances is, less these, an isotonic regression: neighbours that would overlap
        are pooled into a block, which stands at the mean of what its members want.
        """
        steps = [0.0]
        for one, other in pairwise(row):
            steps.append(steps[-1] + (self.width(one) + self.width(other)) / 2 + self._gap)
        blocks: list[tuple[float, float, int]] = []
        for (place, strength), step in zip(wanted, steps, strict=True):
            mean, weight, count = place - step, strength, 1
            while blocks and blocks[-1][0] > mean:
                before, heavy, many = blocks.pop()
                mean = (before * heavy + mean * weight) / (heavy + weight)
                weight, count = heavy + weight, many + count
            blocks.append((mean, weight, count))
        levels = [mean for mean, _, count in blocks for _ in range(count)]
        return [level + step for level, step in zip(levels, steps, strict=True)]


def _ranks(graph: AttentionGraph) -> list[int]:
    """For each node the length of the longest way to it from an input."""
    ranks: list[int] = []
    for node in graph.nodes:
        ranks.append(1 + max((ranks[operand] for operand in node.operands), default=-1))
    return ranks


def _as_read(graph: AttentionGraph) -> list[int]:
    """The nodes in the order in which the formula names them, each at its first time."""
    found: dict[int, None] = {}
    waiting = [len(graph.nodes) - 1]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found[place] = None
            waiting += reversed(graph.nodes[place].operands)
    return list(found)
