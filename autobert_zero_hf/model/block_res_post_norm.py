"""A block whose norms stand on what is added (Swin Transformer V2, Liu et al., 2022, arXiv 2111.09883, section 3.2)."""

from typing import TYPE_CHECKING

from .block import Block, Compute, register

if TYPE_CHECKING:
    from torch import Tensor


@register
class ResPostNormBlock(Block):
    """x + norm(f(x)), a norm after the last layer, and positions from a table."""

    name = "res_post_norm"
    words = "Norms stand before what mixers and feed-forward blocks give is added, and after the last layer."
    final_norm = True

    def sublayer(self, hidden_states: "Tensor", norm: Compute, compute: Compute) -> "Tensor":
        """x + norm(f(x)); the arguments are those of the table."""
        return hidden_states + norm(compute(hidden_states))
