"""A block with norms before what they are for, and one at the end (Xiong et al., 2020, arXiv 2002.04745)."""

from typing import TYPE_CHECKING

from .block import Block, Compute, register

if TYPE_CHECKING:
    from torch import Tensor


@register
class PreNormBlock(Block):
    """x + f(norm(x)), a norm after the last layer, and positions from a table."""

    name = "pre_norm"
    words = "Norms stand before mixers and feed-forward blocks, and one after the last layer."
    final_norm = True

    def sublayer(self, hidden_states: "Tensor", norm: Compute, compute: Compute) -> "Tensor":
        """x + f(norm(x)); the arguments are those of the table."""
        return hidden_states + compute(norm(hidden_states))
