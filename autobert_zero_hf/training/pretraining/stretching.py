"""A backbone that was found small, as a large one: more layers, wider ones, and weights tiled from the small model's.

Layers are repeated as a whole stack (Gong et al., 2019, "Efficient training of BERT by progressively stacking"): layer
i of the large model is layer i modulo n of the small one's n. All widths grow by one factor; kernels, windows and the
width of a head stay, so that there are so many times as many heads. Tiled weights make a model of as many layers
compute what the small one does: units are copied, and what they are summed with is divided by the number of copies
(Net2Net, Chen et al., 2016, arXiv 1511.05641). Copies that stayed alike would learn alike, so noise is added to what
sums them, as large as the weights, which cancels as long as they are alike (HyperCloning, Samragh et al., 2024, arXiv
2409.12903).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autobert_zero_hf.conversion.named_axes import EMBEDDING, axes_of
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroForMaskedLM, parse_layer
from autobert_zero_hf.model.bounds import MAX_LAYERS, MAX_WIDTH
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.layers import FeedForward, Layer
from autobert_zero_hf.model.weights import KERNEL, Factors


@dataclass(frozen=True)
class Stretch:
    """What a backbone is to become.

    Args:
        num_layers: its layers.
        hidden_size: its width.
    """

    num_layers: int
    hidden_size: int

    @classmethod
    def read(cls, text: str) -> "Stretch":
        """Read "12x768".

        Raises:
            AutoBertZeroError: if it is none.
        """
        found = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,9})\s*", text)
        if found is None or not 1 <= int(found[1]) <= MAX_LAYERS or not 1 <= int(found[2]) <= MAX_WIDTH:
            raise AutoBertZeroError(
                f"--stretch-to {excerpt(text)}: layers and width are wanted, such as 12x768, of at most {MAX_LAYERS:,} "
                f"and {MAX_WIDTH:,}"
            )
        return cls(int(found[1]), int(found[2]))

    def config(self, small: AutoBertZeroConfig) -> AutoBertZeroConfig:
        """The configuration of the large model.

        Args:
            small: that of the small one.

        Raises:
            AutoBertZeroError: if it would have fewer layers, or its width is no multiple.
        """
        layers, width = small.num_hidden_layers, small.hidden_size
        if self.num_layers < layers or self.hidden_size % width:
            raise AutoBertZeroError(
                f"--stretch-to {self.num_layers}x{self.hidden_size}: the model has {layers} layers of width {width}; "
                f"give as many layers at least, and a multiple of {width}"
            )
        factor = self.hidden_size // width
        own = [_widened(small.layers[number % layers], factor) for number in range(self.num_layers)]
        return AutoBertZeroConfig.from_dict(
            {
                **small.to_dict(),
                "layers": own,
                "num_hidden_layers": len(own),
                "hidden_size": self.hidden_size,
                "intermediate_size": small.intermediate_size * factor,
                "num_attention_heads": small.num_attention_heads * factor,
                "head_dim": small.head_dim,
            }
        )

    @torch.no_grad()
    def model(self, small: AutoBertZeroForMaskedLM, seed: int) -> AutoBertZeroForMaskedLM:
        """The large model, with tiled weights.

        With as many layers as the small one, none of which mixes features otherwise than by its weights, it computes
        the same words. Where a block leaves out the first layer's norm, as ModernBERT's does, the layer's copies have a
        new one.

        Args:
            small: the model to tile.
            seed: of the noise that tells copies apart.

        Raises:
            AutoBertZeroError: as `config` does.
        """
        config = self.config(small.config)
        large = AutoBertZeroForMaskedLM(config)
        weights, layers = dict(small.named_parameters()), small.config.num_hidden_layers
        generator = torch.Generator().manual_seed(seed)
        for name, weight in large.named_parameters():
            source = weights.get(_name_in_small(name, layers))
            if (
                source is None
            ):  # a norm that a first layer has not, and its copies further up have: it begins as any new
                continue
            weight.copy_(_tiled(name, source, weight.shape, self.hidden_size // small.config.hidden_size, generator))
        # The decoder sums over as many copies.
        copies = config.embedding_width // small.config.embedding_width
        for parameter in large.head.norm.parameters():
            parameter.div_(copies)
        return large


def _widened(line: str, factor: int) -> str:
    """A line whose own feed-forward block, where it has one, is wider."""
    layer = parse_layer(line)
    if layer.feed_forward is None:
        return line
    return str(Layer(layer.mixer, FeedForward(layer.feed_forward.width * factor)))


def _name_in_small(name: str, layers: int) -> str:
    return re.sub(r"\blayers\.(\d+)\.", lambda found: f"layers.{int(found[1]) % layers}.", name)


def _tiled(name: str, weight: Tensor, shape: Sequence[int], factor: int, generator: torch.Generator) -> Tensor:
    """A weight of the large model.

    Args:
        name: its own.
        weight: that of the small model.
        shape: its own.
        factor: how many times as wide the large model is.
        generator: of noise.
    """
    axes = axes_of(name)
    places = [
        _copied(axis, length, wanted, factor) for axis, length, wanted in zip(axes, weight.shape, shape, strict=True)
    ]
    tiled = weight
    for number, copied in enumerate(places):
        tiled = tiled.index_select(number, copied)
    # What a module sums over is its second axis; words are looked up instead, and decoded by these same rows.
    copies = shape[1] // weight.shape[1] if len(axes) == 2 and axes[1] != EMBEDDING and axes[1] != KERNEL else 1
    if copies == 1:
        return tiled
    tiled = tiled / copies
    noise = torch.randn(tiled.shape, generator=generator) * tiled.std()
    sums = torch.zeros(weight.shape[1], tiled.shape[0]).index_add_(0, places[1], noise.T) / copies
    return tiled + noise - sums[places[1]].T


def _copied(axis: Factors, length: int, wanted: int, factor: int) -> Tensor:
    """For each place of an axis of the large model, that of the small one, of which it is a copy: (wanted,)."""
    if wanted == length:
        return torch.arange(length)
    # The two halves of a gated unit stand one after the other; heads do, too, each with its features.
    return torch.arange(length).view(2 if axis[0] == "halves" else 1, -1).repeat(1, factor).reshape(wanted)
