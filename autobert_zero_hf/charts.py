"""Figures of matplotlib as text and bytes, without a window: equal figures give equal files."""

import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of series; the colour-blind tell them apart, too (Okabe and Ito)."""

_NAMESPACE = "http://www.w3.org/2000/svg"
_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "autobert-zero", "font.family": "sans-serif"}


def to_svg(figure: Figure) -> str:
    """A figure as SVG on a white ground, its text as text."""
    file = io.StringIO()
    with matplotlib.rc_context(_SVG):
        _settle(figure)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return file.getvalue()


def _settle(figure: Figure) -> None:
    """Fix where axes stand: their layout has other last digits each time, and names of parts are made of all digits."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes in figure.axes:
            left, bottom, width, height = (round(each, 6) for each in axes.get_position().bounds)
            axes.set_position((left, bottom, width, height))


def to_inline_svg(
    figure: Figure, name: str, title: str, labels: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> str:
    """A figure as an element of a page, where it stands beside others.

    Args:
        figure: the figure.
        name: its own in the page; the names of its parts begin with it.
        title: what it shows, for those who do not see it.
        labels: by the names (`set_gid`) of groups of dots, what each dot stands for, shown where a mouse rests on it.
    """
    root = ElementTree.fromstring(to_svg(figure))
    for group in root.iter(f"{{{_NAMESPACE}}}g"):
        dots = list(group.iter(f"{{{_NAMESPACE}}}use"))
        for dot, label in zip(dots, labels.get(group.get("id", ""), ()), strict=False):
            ElementTree.SubElement(dot, f"{{{_NAMESPACE}}}title").text = label
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif value.startswith("url(#"):
                element.set(key, f"url(#{name}-{value[5:]}")
    root.set("role", "img")
    told = ElementTree.Element(f"{{{_NAMESPACE}}}title")
    told.text = title
    root.insert(0, told)
    ElementTree.register_namespace("", _NAMESPACE)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode")


def to_png(figure: Figure, dpi: float) -> bytes:
    """A figure as PNG on a white ground, `dpi` pixels an inch."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None}, facecolor="white")
    return file.getvalue()
