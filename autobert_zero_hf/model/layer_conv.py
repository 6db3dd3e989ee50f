"""Lightweight convolution as a layer (Wu et al., 2019, arXiv 1901.10430), as AutoBERT-Zero mixes it with attention."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph import AttentionGraph
from .mixers import Mixer, Number, register
from .weights import GATED, HEADS, HIDDEN, KERNEL, WIDTH, Linear, Table
from .work import Work

if TYPE_CHECKING:
    from torch import Tensor

    from .texts import Texts

MAX_KERNEL_SIZE = 1023

KERNEL_SIZE = Number("kernel_size", "kernel size", MAX_KERNEL_SIZE, odd=True)
"""Drawn from the kernel sizes of a search's space."""


@dataclass(frozen=True)
class KernelMixer(Mixer):
    """What kinds share that convolve `kernel_size` tokens."""

    kernel_size: int

    numbers = (KERNEL_SIZE,)

    @property
    def mixes_tokens(self) -> bool:
        """Whether the kernel sees more than the token itself."""
        return self.kernel_size > 1

    @property
    def lengths(self) -> Mapping[str, int]:
        """The length of the kernel."""
        return {"kernel": self.kernel_size}

    @abstractmethod
    def heads(self, module: Any, hidden_states: "Tensor") -> "tuple[Tensor, ...]":
        """What each token gives by itself: what is convolved, (B, N, H, D), and its kernels, where it makes them."""

    @abstractmethod
    def convolved(self, module: Any, mask: "Tensor | None", *heads: "Tensor") -> "Tensor":
        """The convolution along tokens of what `heads` gave: (B, N, H, D)."""

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        """The convolution, between the gates and the last linear layer."""
        return module.out_proj(self.convolved(module, mask, *self.heads(module, hidden_states)).flatten(2))

    def mix_texts(self, module: Any, hidden_states: "Tensor", texts: "Texts") -> "Tensor":
        """What `mix` computes, with linear layers that run on real tokens alone."""
        heads = self.heads(module, hidden_states)
        found = texts.each(lambda bucket, *own: self.convolved(module, bucket.mask, *own), *heads)
        return module.out_proj(found.flatten(2))

    def work(self, sizes: Any, tokens: int) -> Work:
        """The gates, and a product for each token of the kernel."""
        width = tokens * sizes.num_attention_heads * sizes.head_dim
        return Work({"convolutions": 1}, {"gated": width, "convolved": width * self.kernel_size})


@register
@dataclass(frozen=True)
class Convolution(KernelMixer):
    """A lightweight convolution over `kernel_size` tokens: linear, gated linear unit, convolution, linear."""

    word = "conv"
    kind = "convolution"
    noun = "a convolution"
    example = "conv(9)"
    about = "`conv(k)` is a lightweight convolution over `k` tokens."
    module = "convolution"
    weights = {
        "in_proj": Linear(GATED, HIDDEN),
        "kernels": Table((HEADS, KERNEL)),
        "out_proj": Linear(HIDDEN, WIDTH),
    }

    def taken_over(self, other: Mixer, weights: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """What it takes over of an attention: the values, past gates that are half open, and the last linear layer."""
        if not {"v_proj.weight", "o_proj.weight"} <= weights.keys():
            return super().taken_over(other, weights)
        begun = {}
        for end in ("weight", "bias"):
            if (values := weights.get(f"v_proj.{end}")) is not None:
                # The gates' sigmoid of nought is a half.
                begun[f"in_proj.{end}"] = values.new_zeros(2 * len(values), *values.shape[1:])
                begun[f"in_proj.{end}"][: len(values)] = 2 * values
                begun[f"out_proj.{end}"] = weights[f"o_proj.{end}"]
        return begun

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:  # noqa: ARG002
        """LightConv, with the size of its kernel."""
        return rf"\mathrm{{LightConv}}_{{{self.kernel_size}}}\left(X\right)"

    def heads(self, module: Any, hidden_states: "Tensor") -> "tuple[Tensor, ...]":
        """What passes the gates."""
        from .mixing import gated_heads

        return (gated_heads(module, hidden_states),)

    def convolved(self, module: Any, mask: "Tensor | None", *heads: "Tensor") -> "Tensor":
        """With the kernels of the layer, normalised where the configuration says so."""
        from .convolution import lightweight_convolution

        (x,) = heads
        kernels = module.kernels.softmax(-1) if module.config.kernel_softmax else module.kernels
        return lightweight_convolution(x, kernels, mask)
