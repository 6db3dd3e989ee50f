"""A picture as PNG, by matplotlib, which brings a font: no program and no font of the system is needed."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle as CirclePatch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from .. import charts
from .picture import LINE, Arrow, Box, Circle, Picture, Shape

_FONT_SIZE = 11
_INCH = 72.0
"""Points."""


def to_png(picture: Picture, scale: float = 2.0) -> bytes:
    """A picture as PNG, on a white ground.

    Args:
        picture: the picture.
        scale: pixels a point.
    """
    figure = Figure(figsize=(picture.width / _INCH, picture.height / _INCH))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.set_axis_off()
    for shape in picture.shapes:
        _draw(axes, shape)
    return charts.to_png(figure, _INCH * scale)


def _draw(axes: Axes, shape: Shape) -> None:
    if isinstance(shape, Arrow):
        style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0, "linewidth": 0.8}
        axes.add_patch(FancyArrowPatch(path=Path(shape.points), color=LINE, **style))
        return
    if isinstance(shape, Box):
        corner = shape.x - shape.width / 2, shape.y - shape.height / 2
        rounded = "round,pad=0,rounding_size=4"
        box = FancyBboxPatch(corner, shape.width, shape.height, rounded, facecolor=shape.fill, edgecolor=LINE)
        axes.add_patch(box)
    elif isinstance(shape, Circle):
        axes.add_patch(CirclePatch((shape.x, shape.y), shape.radius, facecolor="white", edgecolor=LINE))
    axes.text(shape.x, shape.y, shape.text, ha="center", va="center_baseline", fontsize=_FONT_SIZE, parse_math=False)
