"""A formula with heads of its own, fewer than the other layers' say: attention heads that can be done without (Michel
et al., 2019, arXiv 1905.10650)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .axes import TypedGraph
from .bounds import MAX_HEADS
from .graph import AttentionGraph
from .layer_formula import GlobalFormula
from .mixers import Number, register
from .weights import HIDDEN, Linear

_OWN = ("heads", "head_dim")
"""The factors of the width of all heads of the layer."""


@register
@dataclass(frozen=True)
class Heads(GlobalFormula):
    """An attention of `heads` heads, each as wide as the configuration says."""

    heads: int
    formula: TypedGraph

    word = "heads"
    kind = "heads"
    noun = "an attention with heads of its own"
    example = "heads(4, matmul(softmax(scale(matmul(q, transpose(k)))), v))"
    about = "`heads(h, ...)` is an attention of `h` heads, whatever the other layers have."
    colour = "#d3e6ee"
    module = "heads"
    weights = {
        **{f"{name}_proj": Linear(_OWN, HIDDEN) for name in ("q", "k", "v")},
        "o_proj": Linear(HIDDEN, _OWN),
    }
    numbers = (Number("heads", "number of heads", MAX_HEADS, choices=(1, 2, 4)),)

    @property
    def lengths(self) -> Mapping[str, int]:
        """The number of its heads."""
        return {"heads": self.heads}

    def number_of_heads(self, sizes: Any) -> int:  # noqa: ARG002
        """The number of heads of the line itself."""
        return self.heads

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:
        """The formula, with the number of heads below it."""
        return rf"\underset{{{self.heads}\ \mathrm{{heads}}}}{{{write(self.graph)}}}"
