"""Graphs and configurations as pictures in notebooks, by the methods that IPython looks for.

The model is code that is carried to the Hub and knows nothing of pictures, so the methods are given to it here.
"""

from html import escape

from ..model import AttentionGraph, AutoBertZeroConfig
from .picture import draw_backbone, draw_graph
from .svg import to_svg


def show_in_notebooks() -> None:
    """From now on a graph that ends a cell is shown as its picture, and a configuration as its backbone's."""
    setattr(AttentionGraph, "_repr_svg_", _graph)  # noqa: B010, since a type has no such attribute before
    setattr(AutoBertZeroConfig, "_repr_html_", _config)  # noqa: B010


def _graph(graph: AttentionGraph) -> str:
    return to_svg(draw_graph(graph, str(graph)))


def _config(config: AutoBertZeroConfig) -> str:
    sizes = (
        f"{config.num_hidden_layers} layers, hidden size {config.hidden_size}, {config.num_attention_heads} heads of "
        f"{config.head_dim}, feed-forward {config.intermediate_size}, {config.vocab_size:,} words"
    )
    return f"<div><p>{escape(type(config).__name__)}: {escape(sizes)}</p>{to_svg(draw_backbone(config.layers))}</div>"
