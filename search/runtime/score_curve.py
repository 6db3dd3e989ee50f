"""The scores of a search as a small picture made of characters."""

from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character, by row and column."""


def plot(scores: Sequence[float], width: int, height: int, braille: bool = True) -> list[str]:
    """Each score as a dot, and the best so far as a line, from the first candidate on the left to the last one.

    The lowest tenth is drawn at the bottom, so that a few bad candidates do not flatten the rest.

    Args:
        scores: at least one, in the order in which they came.
        width: in characters.
        height: in characters.
        braille: whether a character may be of eight dots; otherwise it is one, of ASCII.

    Returns:
        The rows, the highest scores first.
    """
    across, down = (2, 4) if braille else (1, 1)
    columns, rows = width * across, height * down
    low, high = sorted(scores)[len(scores) // 10], max(scores)

    def row_of(score: float) -> int:
        share = 1.0 if high == low else (max(score, low) - low) / (high - low)
        return round((1.0 - share) * (rows - 1))

    canvas = [[0] * width for _ in range(height)]

    def draw(column: int, row: int, mark: int) -> None:
        bit = _DOTS[row % down][column % across] if braille else mark
        canvas[row // down][column // across] |= bit

    best, place = float("-inf"), 0
    for column in range(columns):
        # The candidates of this column; where there are fewer of them than columns, one is as wide as several.
        end = max(place, (column + 1) * len(scores) // columns)
        for score in scores[place:end]:
            best = max(best, score)
            draw(column, row_of(score), 1)
        place = end
        if place:
            draw(column, row_of(best), 2)
    # In ASCII, a dot of a candidate is a point, and the line a dash.
    return ["".join(chr(0x2800 + bits) if braille else " .--"[bits] for bits in line) for line in canvas]
