"""The shortest way from one backbone to another, by edits of whole layers.

A layer that becomes one of another kind costs 1, one that only becomes another of its kind 0.5, and so does a layer
that comes or goes. These are distances between layers (a metric), so that a backbone which some of the edits lead to
lies on a shortest way: it is as far from the two together as they are from each other.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from autobert_zero_hf.model import parse_layer

_COMES_OR_GOES = 0.5
_OF_ITS_KIND = 0.5

Distance = Callable[[str, str], float]
Pair = tuple[int | None, int | None]
"""The place of a layer in one backbone and in the other; None where it has none there."""


@dataclass(frozen=True)
class EditPath:
    """A shortest way between two backbones.

    Args:
        one: the lines of the one.
        other: the lines of the other.
        pairs: their layers side by side, from the first to the last.
        length: the cost of all edits.
    """

    one: Sequence[str]
    other: Sequence[str]
    pairs: Sequence[Pair]
    length: float

    @classmethod
    def between(cls, one: Sequence[str], other: Sequence[str], apart: Distance | None = None) -> "EditPath":
        """The shortest way, by dynamic programming (Needleman and Wunsch 1970).

        Args:
            one: the lines that it leads from.
            other: those that it leads to.
            apart: how far two lines are from each other, from 0 to 1; by default `layer_distance`.
        """
        apart = apart or layer_distance
        rows, columns = len(one), len(other)
        cost = [[_COMES_OR_GOES * (row + column) for column in range(columns + 1)] for row in range(rows + 1)]
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                changed = cost[row - 1][column - 1] + apart(one[row - 1], other[column - 1])
                moved = min(cost[row - 1][column], cost[row][column - 1]) + _COMES_OR_GOES
                cost[row][column] = min(changed, moved)
        pairs, row, column = list[Pair](), rows, columns
        while row or column:
            if row and column:
                changed = cost[row - 1][column - 1] + apart(one[row - 1], other[column - 1])
                if cost[row][column] == changed:
                    row, column = row - 1, column - 1
                    pairs.append((row, column))
                    continue
            if row and cost[row][column] == cost[row - 1][column] + _COMES_OR_GOES:
                row -= 1
                pairs.append((row, None))
            else:
                column -= 1
                pairs.append((None, column))
        return cls(one, other, pairs[::-1], cost[rows][columns])

    @property
    def edits(self) -> list[list[Pair]]:
        """What leaves the number of layers as it is: a layer that changes, or one that goes with one that comes."""
        changes: list[list[Pair]] = [
            [(row, column)]
            for row, column in self.pairs
            if row is not None and column is not None and layer_distance(self.one[row], self.other[column])
        ]
        gone = [pair for pair in self.pairs if pair[1] is None]
        come = [pair for pair in self.pairs if pair[0] is None]
        return changes + [list(both) for both in zip(gone, come, strict=False)]

    def after(self, edits: Collection[Sequence[Pair]]) -> tuple[str, ...]:
        """The one after some of the edits.

        >>> path = EditPath.between(["conv(3)", "conv(5)", "fourier"], ["conv(5)", "fourier", "conv(9)"])
        >>> path.after(path.edits)
        ('conv(5)', 'fourier', 'conv(9)')
        """
        done = {pair for edit in edits for pair in edit}
        lines = []
        for row, column in self.pairs:
            if (row, column) in done:
                lines += [] if column is None else [self.other[column]]
            elif row is not None:
                lines.append(self.one[row])
        return tuple(lines)


def layer_distance(one: str, other: str) -> float:
    """How far a line is from another: 0 for the same function, 1 for another kind of layer."""
    first, second = parse_layer(one), parse_layer(other)
    if first.identity == second.identity:
        return 0.0
    return _OF_ITS_KIND if first.mixer.kind == second.mixer.kind else 1.0
