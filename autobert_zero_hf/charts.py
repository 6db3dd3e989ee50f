"""Figures of matplotlib as text and bytes, without a window: equal figures give equal files."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of series; the colour-blind tell them apart, too (Okabe and Ito)."""

_SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "autobert-zero", "font.family": "sans-serif"}


def to_svg(figure: Figure) -> str:
    """A figure as SVG on a white ground, its text as text."""
    file = io.StringIO()
    with matplotlib.rc_context(_SVG):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return file.getvalue()


def to_png(figure: Figure, dpi: float) -> bytes:
    """A figure as PNG on a white ground, `dpi` pixels an inch."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None}, facecolor="white")
    return file.getvalue()
