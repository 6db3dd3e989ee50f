"""Dynamic convolution as a layer: each token makes the kernel that it is convolved with (Wu et al., 2019)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph import AttentionGraph
from .layer_conv import KernelMixer
from .mixers import register
from .weights import GATED, HEADS, HIDDEN, KERNEL, WIDTH, Linear
from .work import Work

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class DynamicConvolution(KernelMixer):
    """A convolution over `kernel_size` tokens, whose kernels, one a head, are a linear function of the token."""

    word = "dynamic_conv"
    kind = "dynamic_convolution"
    noun = "a dynamic convolution"
    example = "dynamic_conv(9)"
    about = "`dynamic_conv(k)` is a convolution over `k` tokens whose kernels depend on the token in the middle."
    colour = "#f9dcc4"
    module = "dynamic_convolution"
    weights = {
        "in_proj": Linear(GATED, HIDDEN),
        "kernel_proj": Linear((*HEADS, *KERNEL), WIDTH, bias=False),
        "out_proj": Linear(HIDDEN, WIDTH),
    }

    def work(self, sizes: Any, tokens: int) -> Work:
        """The softmax of the kernels besides."""
        shared = super().work(sizes, tokens)
        weighed = tokens * sizes.num_attention_heads * self.kernel_size
        return Work(shared.calls, {**shared.numbers, "weighed": weighed})

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:  # noqa: ARG002
        """DynamicConv, with the size of its kernel."""
        return rf"\mathrm{{DynamicConv}}_{{{self.kernel_size}}}\left(X\right)"

    def heads(self, module: Any, hidden_states: "Tensor") -> "tuple[Tensor, ...]":
        """What passes the gates, and the kernels that it makes, normalised as those of `conv`: (B, N, H, K)."""
        from .mixing import gated_heads

        heads = gated_heads(module, hidden_states)
        # (B, N, H * D) -> (B, N, H * K) -> (B, N, H, K)
        kernels = module.kernel_proj(heads.flatten(2)).unflatten(-1, (-1, self.kernel_size))
        return heads, kernels.softmax(-1) if module.config.kernel_softmax else kernels

    def convolved(self, module: Any, mask: "Tensor | None", *heads: "Tensor") -> "Tensor":  # noqa: ARG002
        """With the kernels of each token."""
        from .convolution import dynamic_convolution

        x, kernels = heads
        return dynamic_convolution(x, kernels, mask)
