"""A picture as SVG."""

from xml.etree import ElementTree

from .picture import FILL, LINE, Arrow, Box, Circle, Picture, Shape

FONT = "Helvetica, Arial, sans-serif"


def to_svg(picture: Picture) -> str:
    """A picture as SVG, on a white ground, readable without any file beside it."""
    size = {"width": _short(picture.width), "height": _short(picture.height)}
    box = {"viewBox": f"0 0 {size['width']} {size['height']}", **size}
    font = {"font-family": FONT, "font-size": "12", "text-anchor": "middle"}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **box, "role": "img", **font})
    ElementTree.SubElement(root, "title").text = picture.title
    head = {"id": "head", "viewBox": "0 0 8 8", "refX": "7", "refY": "4", "markerWidth": "7", "markerHeight": "7"}
    marker = ElementTree.SubElement(ElementTree.SubElement(root, "defs"), "marker", {**head, "orient": "auto"})
    ElementTree.SubElement(marker, "path", {"d": "M 0 1 L 7 4 L 0 7 z", "fill": LINE})
    ElementTree.SubElement(root, "rect", {"fill": "white", **size})
    for shape in picture.shapes:
        _write_svg(root, shape)
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _write_svg(root: ElementTree.Element, shape: Shape) -> None:
    if isinstance(shape, Arrow):
        points = " ".join(f"{_short(x)},{_short(y)}" for x, y in shape.points)
        style = {"fill": "none", "stroke": LINE, "marker-end": "url(#head)"}
        ElementTree.SubElement(root, "polyline", {"points": points, **style})
        return
    if isinstance(shape, Box):
        corner = {"x": _short(shape.x - shape.width / 2), "y": _short(shape.y - shape.height / 2)}
        size = {"width": _short(shape.width), "height": _short(shape.height)}
        ElementTree.SubElement(root, "rect", {**corner, **size, "rx": "4", "fill": FILL[shape.kind], "stroke": LINE})
    elif isinstance(shape, Circle):
        place = {"cx": _short(shape.x), "cy": _short(shape.y), "r": _short(shape.radius)}
        ElementTree.SubElement(root, "circle", {**place, "fill": "white", "stroke": LINE})
    ElementTree.SubElement(root, "text", {"x": _short(shape.x), "y": _short(shape.y + 4)}).text = shape.text


def _short(length: float) -> str:
    return f"{length:.1f}".removesuffix(".0")
