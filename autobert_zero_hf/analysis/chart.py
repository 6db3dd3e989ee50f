"""Analyses of several models side by side, as a picture."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..charts import COLOURS
from .layers import Analysis

_GRID = "#eeeeee"


def draw_analyses(analyses: Mapping[str, Analysis]) -> Figure:
    """Token cosine, change and entropy of attention over the layers, a colour for each model.

    Args:
        analyses: by the names of their models.
    """
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    cosine, change, entropy = figure.subplots(1, 3)
    for number, (name, each) in enumerate(analyses.items()):
        style = {"color": COLOURS[number % len(COLOURS)], "marker": "o", "markersize": 3, "label": name}
        layers = range(1, len(each.change) + 1)
        cosine.plot(range(len(each.token_cosine)), each.token_cosine, **style)
        change.plot(layers, each.change, **style)
        looks = [
            (layer, value) for layer, value in zip(layers, each.attention_entropy, strict=True) if value is not None
        ]
        entropy.plot([layer for layer, _ in looks], [value for _, value in looks], **style)
    depth = max(len(each.change) for each in analyses.values())
    _finish(cosine, "cosine of two tokens of a text", [0, *range(1, depth + 1)])
    _finish(change, "change: 1 - cosine before, after", range(1, depth + 1))
    _finish(entropy, "entropy of attention (1: all alike)", range(1, depth + 1))
    entropy.set_xlim(*change.get_xlim())
    entropy.set_ylim(-0.05, 1.05)
    figure.legend(*cosine.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def _finish(axes: Axes, title: str, places: Sequence[int]) -> None:
    axes.set_title(title, fontsize="medium")
    axes.set_xlabel("layer")
    step = max(1, len(places) // 12)
    axes.set_xticks(list(places)[::step])
    axes.grid(color=_GRID)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
