"""A picture as SVG."""

import math
from xml.etree import ElementTree

from .picture import LINE, Arrow, Box, Circle, Picture, Shape

FONT = "Helvetica, Arial, sans-serif"
_HEAD = (7.0, 2.8)
"""Of an arrow: its length, and half its width."""


def to_svg(picture: Picture) -> str:
    """A picture as SVG, on a white ground, readable without any file beside it."""
    size = {"width": _short(picture.width), "height": _short(picture.height)}
    box = {"viewBox": f"0 0 {size['width']} {size['height']}", **size}
    font = {"font-family": FONT, "font-size": "12", "text-anchor": "middle"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **box, "role": "img", **font})
    ElementTree.SubElement(root, "title").text = picture.title
    ElementTree.SubElement(root, "rect", {"fill": "white", **size})
    for shape in picture.shapes:
        _write_svg(root, shape)
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _write_svg(root: ElementTree.Element, shape: Shape) -> None:
    if isinstance(shape, Arrow):
        points = " ".join(f"{_short(x)},{_short(y)}" for x, y in shape.points)
        ElementTree.SubElement(root, "polyline", {"points": points, "fill": "none", "stroke": LINE})
        ElementTree.SubElement(root, "path", {"d": _head(shape), "fill": LINE})
        return
    if isinstance(shape, Box):
        corner = {"x": _short(shape.x - shape.width / 2), "y": _short(shape.y - shape.height / 2)}
        size = {"width": _short(shape.width), "height": _short(shape.height)}
        ElementTree.SubElement(root, "rect", {**corner, **size, "rx": "4", "fill": shape.fill, "stroke": LINE})
    elif isinstance(shape, Circle):
        place = {"cx": _short(shape.x), "cy": _short(shape.y), "r": _short(shape.radius)}
        ElementTree.SubElement(root, "circle", {**place, "fill": "white", "stroke": LINE})
    ElementTree.SubElement(root, "text", {"x": _short(shape.x), "y": _short(shape.y + 4)}).text = shape.text


def _head(arrow: Arrow) -> str:
    """A triangle; a marker has a name, by which a picture would lose its heads when another in the page is hidden."""
    (x0, y0), (x, y) = arrow.points[-2:]
    length, half = _HEAD
    along, across = (x - x0) / math.dist((x0, y0), (x, y)), (y - y0) / math.dist((x0, y0), (x, y))
    base, turned = (x - length * along, y - length * across), (-half * across, half * along)
    left, right = ((base[0] + side * turned[0], base[1] + side * turned[1]) for side in (1, -1))
    return " ".join(f"{how} {_short(a)} {_short(b)}" for how, (a, b) in zip("MLL", (left, (x, y), right), strict=True))


def _short(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")
