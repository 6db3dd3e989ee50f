"""BERT's block: norms after the residual connections (Vaswani et al., 2017; Devlin et al., 2019)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .block import Block, register

if TYPE_CHECKING:
    from torch import Tensor, nn


@register
class BertBlock(Block):
    """norm(x + f(x)), and positions from a table."""

    name = "bert"
    words = "Norms stand after the residual connections, as in BERT."

    def sublayer(
        self,
        hidden_states: "Tensor",
        norm: "nn.Module",
        dropout: "nn.Module",
        compute: "Callable[[Tensor], Tensor]",
    ) -> "Tensor":
        """norm(x + f(x)); the arguments are those of the table."""
        return norm(hidden_states + dropout(compute(hidden_states)))
