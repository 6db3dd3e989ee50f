"""The layout of a backbone: its layers in a row, and below it the graph of each attention formula.

Shapes at places, which the other modules write down in a format. Lengths are in points; x runs to the right and y
down, as in SVG.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..model import AttentionGraph, parse_layer
from .layered import Layers

_LETTER = 6.8
"""The width that a letter is given: more than it takes on average in a font of size 12."""
_HEIGHT, _GAP, _STEP, _MARGIN = 26.0, 18.0, 52.0, 16.0
"""Of a box; between things side by side; from one row of a graph to the next; around a picture."""
_PAGE = 1000.0

LINE = "#444"
OPERATION = "#f5f5f5"
"""The colour of an operation's box; a layer's has that of its kind."""


@dataclass(frozen=True)
class Box:
    """A rectangle with a text in it; `x` and `y` are its centre."""

    x: float
    y: float
    width: float
    height: float
    text: str
    fill: str


@dataclass(frozen=True)
class Circle:
    """An input of a formula."""

    x: float
    y: float
    radius: float
    text: str


@dataclass(frozen=True)
class Arrow:
    """A line through points, with a head at its end."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Label:
    """A text without a frame; `x` and `y` are its centre."""

    x: float
    y: float
    text: str


Shape = Box | Circle | Arrow | Label


@dataclass(frozen=True)
class Picture:
    """Shapes within a width and a height, and what they show in words."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str


def draw_backbone(layers: Sequence[str]) -> Picture:
    """The layers of a backbone from left to right, and each of its formulas once.

    Args:
        layers: a line each, as in `config.layers`.

    Raises:
        FormulaError: (a ValueError) for a line that is not a legal layer.
    """
    formulas: dict[AttentionGraph, str] = {}
    row: list[Box] = []
    for number, text in enumerate(layers, start=1):
        layer = parse_layer(text)
        shown = str(layer)
        if (graph := layer.mixer.graph) is not None:
            name = formulas.setdefault(graph, _name(len(formulas)))
            shown = shown.replace(str(graph), f"attention {name}")
        row.append(_box(f"{number}  {shown}", layer.mixer.colour))
    panels = [draw_graph(graph, f"attention {name}") for graph, name in formulas.items()]
    return _below(_row(row), panels, f"A backbone of {len(layers)} layers: {'; '.join(layers)}")


def draw_graph(graph: AttentionGraph, title: str) -> Picture:
    """The graph of a formula: inputs as circles at the bottom, operations as boxes, the output at the top.

    The first operand of an operation enters it on the left.
    """
    layers = Layers(graph, [_width(node.name) for node in graph.nodes], _GAP)
    # A point more on each side, for half of a line's width.
    left = min(x - layers.width(item) / 2 for item, x in layers.centres.items()) - 1
    right = max(x + layers.width(item) / 2 for item, x in layers.centres.items()) + 1
    titled = _LETTER * len(title)
    x_of = {item: x - left + max(0.0, titled - right + left) / 2 for item, x in layers.centres.items()}
    last = max(layers.ranks)
    top = _HEIGHT * (2.4 if title else 1.3)

    def y(row: int) -> float:
        return top + _STEP * (last - row)

    root = x_of[len(graph.nodes) - 1, last]
    # Above the output, as far as the picture's edges let it.
    shapes: list[Shape] = []
    width = max(right - left, titled)
    if title:
        shapes.append(Label(min(max(root, titled / 2), width - titled / 2), _HEIGHT / 2, title))
    for place, node in enumerate(graph.nodes):
        rank = layers.ranks[place]
        x = x_of[place, rank]
        if node.is_input:
            shapes.append(Circle(x, y(rank), _HEIGHT / 2, node.name))
        else:
            shapes.append(Box(x, y(rank), _width(node.name), _HEIGHT, node.name, OPERATION))
        for number, operand in enumerate(node.operands):
            begin = layers.ranks[operand]
            points = [(x_of[operand, begin], y(begin) - _HEIGHT / 2)]
            for row in range(begin + 1, rank):  # upright beside the boxes of a row, slanting between rows alone
                points += [(x_of[operand, row], y(row) + side * _HEIGHT / 2) for side in (1, -1)]
            shapes.append(Arrow((*points, (x + layers.port(place, number), y(rank) + _HEIGHT / 2))))
    shapes.append(Arrow(((root, y(last) - _HEIGHT / 2), (root, y(last) - _HEIGHT / 2 - _GAP))))
    return Picture(width, y(0) + _HEIGHT / 2 + 1, tuple(shapes), title or str(graph))


def _width(text: str) -> float:
    return max(_HEIGHT, _LETTER * len(text) + 14)


def _box(text: str, fill: str) -> Box:
    return Box(0, 0, _width(text), _HEIGHT, text, fill)


def _name(number: int) -> str:
    """a to z, then a1, b1 and so on."""
    return chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "")


def _row(boxes: Sequence[Box]) -> Picture:
    """Boxes from left to right with arrows between them, in as many lines as they need."""
    placed: list[Box] = []
    right, y = 0.0, _HEIGHT / 2
    for box in boxes:
        if right + box.width > _PAGE and right:
            right, y = 0.0, y + _STEP
        placed.append(replace(box, x=right + box.width / 2, y=y))
        right += box.width + 1.5 * _GAP
    shapes: list[Shape] = list(placed)
    for one, other in pairwise(placed):
        if one.y == other.y:
            shapes.append(Arrow(((one.x + one.width / 2, one.y), (other.x - other.width / 2, other.y))))
    return Picture(max((box.x + box.width / 2 for box in placed), default=0.0), y + _HEIGHT / 2, tuple(shapes), "")


def _below(top: Picture, panels: Sequence[Picture], title: str) -> Picture:
    """One picture above others, which stand side by side in as many lines as they need."""
    x, y, line, right = _MARGIN, _MARGIN + top.height + 2 * _GAP, 0.0, _MARGIN + top.width
    shapes = list(_moved(top, _MARGIN, _MARGIN))
    for panel in panels:
        if x > _MARGIN and x + panel.width > _PAGE:
            x, y, line = _MARGIN, y + line + 2 * _GAP, 0.0
        shapes += _moved(panel, x, y)
        x, line, right = x + panel.width + 3 * _GAP, max(line, panel.height), max(right, x + panel.width)
    bottom = y + line if panels else _MARGIN + top.height
    return Picture(right + _MARGIN, bottom + _MARGIN, tuple(shapes), title)


def _moved(picture: Picture, right: float, down: float) -> list[Shape]:
    moved: list[Shape] = []
    for shape in picture.shapes:
        if isinstance(shape, Arrow):
            moved.append(Arrow(tuple((x + right, y + down) for x, y in shape.points)))
        else:
            moved.append(replace(shape, x=shape.x + right, y=shape.y + down))
    return moved
