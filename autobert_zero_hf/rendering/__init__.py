"""A layer or a backbone as a picture, SVG or PNG, or as LaTeX."""

from .latex import to_latex
from .picture import Picture, draw_backbone, draw_graph
from .svg import to_svg

__all__ = ["Picture", "draw_backbone", "draw_graph", "to_latex", "to_svg"]
