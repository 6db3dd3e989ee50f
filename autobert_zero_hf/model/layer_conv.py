"""Lightweight convolution as a layer (Wu et al., 2019, arXiv 1901.10430), as AutoBERT-Zero mixes it with attention."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph import AttentionGraph
from .mixers import Mixer, Number, register
from .weights import GATED, HEADS, HIDDEN, KERNEL, WIDTH, Linear, Table
from .work import Work

if TYPE_CHECKING:
    from torch import Tensor

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

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        """The convolution of what passes the gates; the kernels are normalised where the configuration says so."""
        from .convolution import lightweight_convolution
        from .mixing import gated_heads

        kernels = module.kernels.softmax(-1) if module.config.kernel_softmax else module.kernels
        return module.out_proj(lightweight_convolution(gated_heads(module, hidden_states), kernels, mask).flatten(2))
