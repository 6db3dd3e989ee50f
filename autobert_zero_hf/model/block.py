"""The table of blocks: what stands around a mixer and a feed-forward block, a row a way.

A row is a class, in a file of its own (`block_*.py`), made known by `register`. It says where norms and residual
connections stand, how tokens know their positions, and of what form the feed-forward block is.

Rows need no torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from .excerpts import excerpt
from .origins import NOT_REGISTERED
from .registry import Registry
from .weights import HIDDEN, INNER, Factors, Linear

if TYPE_CHECKING:
    from torch import Tensor

Compute = Callable[["Tensor"], "Tensor"]
"""What makes hidden states of hidden states: (B, N, C) -> (B, N, C)."""

LEARNED, COUNTED, ROTARY, NO_POSITIONS = "learned", "counted", "rotary", "none"
POSITIONS = (LEARNED, COUNTED, ROTARY, NO_POSITIONS)
"""How tokens know their positions: a table that is added to the embeddings, as in BERT; the same table, in which the
tokens that are no padding are counted, as in RoBERTa (Liu et al., 2019, arXiv 1907.11692); q and k that are rotated
before a formula sees them (RoFormer, Su et al., 2021, arXiv 2104.09864); or not at all, but for what convolutions
see."""
OF_TABLE = (LEARNED, COUNTED)
"""Those with a table."""

MIXER_NORM, MLP_NORM, FINAL_NORM = "mixer_norm", "mlp_norm", "final_norm"
"""The names of the norms: of a mixer and of a feed-forward block, in their layer, and of all layers."""


class Block(ABC):
    """A row of the table of blocks.

    Attributes:
        name: as in a configuration.
        words: a sentence on it, for help and for readers of a model card.
        positions: how tokens know their positions, where the configuration does not say it.
        final_norm: whether a norm stands after the last layer.
        first_norm: whether the first layer's mixer has a norm, where the configuration does not say it.
        gated: whether the feed-forward block multiplies its activation with gates (Shazeer, 2020, arXiv 2002.05202).
        bias: whether linear layers and norms have biases; those of poolers and decoders always have.
        transforms: whether heads which classify transform what they see as those do which predict words, instead of by
            the pooler's linear layer.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    positions: ClassVar[str] = LEARNED
    final_norm: ClassVar[bool] = False
    first_norm: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    bias: ClassVar[bool] = True
    transforms: ClassVar[bool] = False

    @abstractmethod
    def sublayer(self, hidden_states: "Tensor", norm: Compute, compute: Compute) -> "Tensor":
        """A mixer or a feed-forward block, with its norm and residual connection.

        Args:
            hidden_states: (B, N, C).
            norm: of this part of the layer.
            compute: the mixer or the feed-forward block, and dropout, (B, N, C) -> (B, N, C).

        Returns:
            (B, N, C).
        """

    @property
    def feed_forward(self) -> Mapping[str, Linear]:
        """The weights of the feed-forward block, by their names in its module, `mlp`."""
        up = Linear(INNER, HIDDEN, self.bias)
        gates = {"gate_proj": up} if self.gated else {}
        return {"up_proj": up, **gates, "down_proj": Linear(HIDDEN, INNER, self.bias)}

    def norm_parameters(self, sizes: Any) -> int:
        """How many numbers a norm has.

        Args:
            sizes: what has the sizes of a configuration as attributes.
        """
        return sizes.hidden_size * (2 if self.bias else 1)


BLOCKS: Registry[Block] = Registry("block")

Row = TypeVar("Row", bound=type[Block])


def register(row: Row) -> Row:
    """Add a block to the table; a decorator of its class.

    Raises:
        ValueError: if its name is not free, or its positions are none of `POSITIONS`.
    """
    if row.positions not in POSITIONS:
        raise ValueError(f"block {row.name!r}: positions are one of {', '.join(POSITIONS)}, not {row.positions!r}")
    BLOCKS.add(row.name, row())
    return row


def unregister(name: str) -> None:
    """Take a block out of the table."""
    BLOCKS.remove(name)


def all_axes() -> dict[str, tuple[Factors, ...]]:
    """The axes of all weights that blocks have, by module and name: "mlp.up_proj", "mixer_norm"."""
    feed_forward = {name: weight.axes for block in BLOCKS.values() for name, weight in block.feed_forward.items()}
    norms = dict.fromkeys((MIXER_NORM, MLP_NORM, FINAL_NORM), (HIDDEN,))
    return {**norms, **{f"mlp.{name}": axes for name, axes in feed_forward.items()}}


def find_block(name: str) -> Block:
    """The block of this name.

    Raises:
        KeyError: if there is none; the message names those that are known.
    """
    if name not in BLOCKS:
        raise KeyError(f"unknown block {excerpt(name)}: known are {', '.join(BLOCKS)} ({NOT_REGISTERED})")
    return BLOCKS[name]
