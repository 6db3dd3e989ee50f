"""A point of the search space."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.model import AttentionGraph, backbone_identity, parse_layer
from autobert_zero_hf.model.blocks import find_block

from .sizes import Sizes

if TYPE_CHECKING:
    from autobert_zero_hf.model import AutoBertZeroConfig

DRAWN = "random"
"""The origin of candidates that nothing led to but chance."""


@dataclass(frozen=True)
class Candidate:
    """A backbone, and where it comes from.

    Args:
        layers: a line for each layer, as in a config.
        parent: the identity of the candidate that it was mutated from; None for a random one.
        origin: how it was made, in words.
        sizes: its own, where sizes are searched; None for those that all candidates have.
        block: what stands around its mixers, where that is searched; None for the block that all candidates have.

    Raises:
        ValueError: if the sizes are of another number of layers.
    """

    layers: tuple[str, ...]
    parent: str | None = field(default=None, compare=False)
    origin: str = field(default=DRAWN, compare=False)
    sizes: Sizes | None = None
    block: str | None = None

    def __post_init__(self) -> None:
        if self.sizes is not None and self.sizes.num_hidden_layers != len(self.layers):
            raise ValueError(f"{len(self.layers)} layers, but sizes of {self.sizes.num_hidden_layers}")

    @cached_property
    def identity(self) -> str:
        """A hash, the same for two of the same sizes and block, whose layers have the same normal forms, one by one."""
        backbone = backbone_identity(self.layers)
        own = [str(each) for each in (self.sizes, self.block) if each is not None]
        if not own:
            return backbone
        return hashlib.blake2b("|".join([backbone, *own]).encode(), digest_size=8).hexdigest()

    def config(self, like: "AutoBertZeroConfig") -> "AutoBertZeroConfig":
        """The candidate's configuration, like another in all that the candidate does not say itself."""
        like = in_block(like, self.block)
        sizes = Sizes.of(like) if self.sizes is None else self.sizes
        return sizes.config(like, self.layers)

    @property
    def own(self) -> dict[str, Any]:
        """What it has of its own besides layers, as a journal says it: sizes, and a block where that is searched."""
        return {"sizes": self.sizes, **({} if self.block is None else {"block": self.block})}

    @property
    def graphs(self) -> dict[int, AttentionGraph]:
        """The formulas of the layers that have one, by the layer's place."""
        graphs = {place: parse_layer(text).mixer.graph for place, text in enumerate(self.layers)}
        return {place: graph for place, graph in graphs.items() if graph is not None}

    @property
    def mixes_tokens(self) -> bool:
        """Whether a token's output can depend on other tokens, through whichever layer."""
        return any(parse_layer(text).mixer.mixes_tokens for text in self.layers)


def in_block(like: "AutoBertZeroConfig", block: str | None) -> "AutoBertZeroConfig":
    """A configuration in another block, with the positions of that block where it has those of its own block.

    Args:
        like: the configuration.
        block: the name of the block; None for its own.
    """
    if block in (None, like.block):
        return like
    from autobert_zero_hf.model import AutoBertZeroConfig

    positions = None if like.positions == find_block(like.block).positions else like.positions
    return AutoBertZeroConfig(**{**like.to_dict(), "block": block, "positions": positions})
