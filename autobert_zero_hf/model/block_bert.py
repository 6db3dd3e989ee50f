"""BERT's block: norms after the residual connections (Vaswani et al., 2017; Devlin et al., 2019)."""

from typing import TYPE_CHECKING

from .block import Block, Compute, register

if TYPE_CHECKING:
    from torch import Tensor


@register
class BertBlock(Block):
    """norm(x + f(x)), and positions from a table."""

    name = "bert"
    words = "Norms stand after the residual connections, as in BERT."

    def sublayer(self, hidden_states: "Tensor", norm: Compute, compute: Compute) -> "Tensor":
        """norm(x + f(x)); the arguments are those of the table."""
        return norm(hidden_states + compute(hidden_states))
