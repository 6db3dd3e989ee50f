"""Graphs and configurations as pictures in notebooks, for the methods that IPython looks for.

The model is code that is carried to the Hub and knows nothing of pictures, so the methods are given to it from outside
(`registration.py`).
"""

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import AttentionGraph, AutoBertZeroConfig


def show_graph(graph: "AttentionGraph") -> str:
    """A graph as SVG, with its formula for whoever cannot see it."""
    from .rendering import draw_graph, to_svg

    return to_svg(draw_graph(graph, str(graph)))


def show_config(config: "AutoBertZeroConfig") -> str:
    """A configuration as HTML: its sizes, and a picture of its backbone."""
    from .rendering import draw_backbone, to_svg

    sizes = (
        f"{config.num_hidden_layers} layers, hidden size {config.hidden_size}, {config.num_attention_heads} heads of "
        f"{config.head_dim}, feed-forward {config.intermediate_size}, {config.vocab_size:,} words"
    )
    return f"<div><p>{escape(type(config).__name__)}: {escape(sizes)}</p>{to_svg(draw_backbone(config.layers))}</div>"
