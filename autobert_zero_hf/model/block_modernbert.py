"""ModernBERT's block (Warner et al., 2024, arXiv 2412.13663): norms first, gates, rotary positions and no biases."""

from typing import TYPE_CHECKING

from .block import ROTARY, Block, Compute, register

if TYPE_CHECKING:
    from torch import Tensor


@register
class ModernBertBlock(Block):
    """x + f(norm(x)), a norm after the last layer, gated feed-forward blocks, rotary positions, no biases.

    The first layer's mixer sees the embeddings, which have a norm of their own, as they are.
    """

    name = "modernbert"
    words = (
        "As in ModernBERT, norms stand before mixers and feed-forward blocks, which are gated, and after the last "
        "layer; linear layers have no biases."
    )
    positions = ROTARY
    final_norm = True
    first_norm = False
    gated = True
    bias = False
    transforms = True

    def sublayer(self, hidden_states: "Tensor", norm: Compute, compute: Compute) -> "Tensor":
        """x + f(norm(x)); the arguments are those of the table."""
        return hidden_states + compute(norm(hidden_states))
