"""The layers of a backbone as text: what mixes tokens, and then, after a plus, a feed-forward block of its own.

``conv(9)`` is a convolution and the configuration's feed-forward block, ``conv(9) + mlp(512)`` has one that is 512
wide, ``conv(9) + none`` none. A line that begins with no word of a kind is the formula of an attention.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from .bounds import MAX_INTERMEDIATE_SIZE
from .excerpts import excerpt
from .graph import AttentionGraph, FormulaError, check_length

# A row each. That the files are imported here makes the kinds known, and takes the files along with a model's code.
from .layer_conv import Convolution
from .layer_dynamic_conv import DynamicConvolution
from .layer_formula import Formula
from .layer_fourier import Fourier
from .layer_heads import Heads
from .layer_none import NoMixer
from .layer_window import Window
from .mixers import KINDS, Mixer, read_mixer, readers
from .operations import OPERATIONS

__all__ = [
    "Convolution",
    "DynamicConvolution",
    "FeedForward",
    "Formula",
    "Fourier",
    "Heads",
    "Layer",
    "Mixer",
    "NoMixer",
    "Window",
    "backbone_identity",
    "parse_layer",
    "readers",
]

_MLP = re.compile(r"\s*mlp\s*\(([^()]*)\)\s*")


@dataclass(frozen=True)
class FeedForward:
    """A feed-forward block of a layer's own.

    Args:
        width: inside it; 0 where the layer has none.
    """

    width: int

    def __str__(self) -> str:
        return f"mlp({self.width})" if self.width else "none"

    @classmethod
    def read(cls, text: str, begin: int) -> "FeedForward":
        """What stands in a line from a place on, after the plus.

        Raises:
            FormulaError: if it is none.
        """
        written = text[begin:]
        place = begin + len(written) - len(written.lstrip()), len(text.rstrip())
        if written.strip() == "none":
            return cls(0)
        if (match := _MLP.fullmatch(written)) is None:
            shown, place = (text, place) if written.strip() else (text + " ", (len(text), len(text) + 1))
            raise FormulaError("after a plus stands a feed-forward block: mlp(512), say, or none", shown, place)
        inside = match[1].strip()
        width = int(inside) if re.fullmatch(r"[0-9]{1,9}", inside) else 0
        if not 1 <= width <= MAX_INTERMEDIATE_SIZE:
            raise FormulaError(
                f"a feed-forward block is from 1 to {MAX_INTERMEDIATE_SIZE:,} wide, not {excerpt(inside)}; "
                "none leaves it out",
                text,
                (begin + match.start(1), begin + match.end(1)),
            )
        return cls(width)


@dataclass(frozen=True)
class Layer:
    """A line of a backbone that was read.

    Args:
        mixer: what mixes tokens.
        feed_forward: of its own; None for the configuration's.
    """

    mixer: Mixer
    feed_forward: FeedForward | None = None

    def __str__(self) -> str:
        return self._with(str(self.mixer))

    @cached_property
    def identity(self) -> str:
        """A text that is the same for layers that compute the same function in a model of the same configuration."""
        return self._with(self.mixer.identity)

    def _with(self, mixer: str) -> str:
        return mixer if self.feed_forward is None else f"{mixer} + {self.feed_forward}"

    def inner(self, sizes: Any) -> int:
        """The width inside its feed-forward block; 0 where it has none.

        Args:
            sizes: what has the sizes of a configuration as attributes.
        """
        return sizes.intermediate_size if self.feed_forward is None else self.feed_forward.width

    def with_mixer(self, mixer: Mixer) -> "Layer":
        """The layer with the same feed-forward block after another mixer."""
        return Layer(mixer, self.feed_forward)

    def with_graph(self, graph: AttentionGraph) -> "Layer":
        """The layer with another formula; its kind must take one.

        Raises:
            FormulaError: if its kind takes no such formula.
        """
        return self.with_mixer(self.mixer.of(self.mixer.values, graph))


def parse_layer(text: str) -> Layer:
    """Read a line of a backbone.

    Raises:
        FormulaError: (a ValueError) for a line that is not a legal layer; it shows the place and the reason.

    >>> parse_layer("conv(9) + mlp(512)")
    Layer(mixer=Convolution(kernel_size=9), feed_forward=FeedForward(width=512))
    >>> parse_layer("matmul(matmul(q, transpose(k)), v)").mixer.plan.kinds
    ('linear',)
    >>> parse_layer("conv(4)")
    Traceback (most recent call last):
    ...
    autobert_zero_hf.model.graph.FormulaError: a convolution takes an odd kernel size from 1 to 1023, not '4'
        conv(4)
             ^
    """
    if not isinstance(text, str):
        raise FormulaError(f"a layer is a text such as conv(9), not {type(text).__name__}", excerpt(text))
    check_length(text)
    return _parse_layer(text)


@lru_cache(maxsize=4096)
def _parse_layer(text: str) -> Layer:
    mixer_text, plus, _ = text.partition("+")
    try:
        mixer = read_mixer(mixer_text)
    except FormulaError as error:
        # It may have seen a part of the line only.
        raise FormulaError(error.reason, text if error.span[1] <= len(text) else text + " ", error.span) from None
    if not plus:
        return Layer(mixer)
    layer = Layer(mixer, FeedForward.read(text, len(mixer_text) + 1))
    if mixer.left_out and not layer.inner(None):
        raise FormulaError("a layer without a mixer and without a feed-forward block computes nothing", text)
    return layer


for _table in (OPERATIONS, KINDS):
    _table.caches.append(_parse_layer.cache_clear)


def backbone_identity(layers: Sequence[str]) -> str:
    """A hash of a backbone, 16 hexadecimal digits: the same if layer by layer the normal forms are the same.

    >>> backbone_identity(["transpose(transpose(add(q, k)))"]) == backbone_identity(["add(k, q)"])
    True
    """
    text = "|".join(parse_layer(layer).identity for layer in layers)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
