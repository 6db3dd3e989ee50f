"""Dynamic convolution as a layer: each token makes the kernel that it is convolved with (Wu et al., 2019)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph import AttentionGraph
from .layer_conv import KERNEL_SIZE
from .mixers import Mixer, register
from .weights import GATED, HEADS, HIDDEN, KERNEL, WIDTH, Linear
from .work import Work

if TYPE_CHECKING:
    from torch import Tensor


@register
@dataclass(frozen=True)
class DynamicConvolution(Mixer):
    """A convolution over `kernel_size` tokens, whose kernels, one a head, are a linear function of the token."""

    kernel_size: int

    word = "dynamic_conv"
    kind = "dynamic_convolution"
    noun = "a dynamic convolution"
    example = "dynamic_conv(9)"
    about = "`dynamic_conv(k)` is a convolution over `k` tokens whose kernels depend on the token in the middle."
    colour = "#f9dcc4"
    module = "dynamic_convolution"
    weights = {  # as the base says
        "in_proj": Linear(GATED, HIDDEN),
        "kernel_proj": Linear((*HEADS, *KERNEL), WIDTH, bias=False),
        "out_proj": Linear(HIDDEN, WIDTH),
    }
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
        """The gates, the softmax of the kernels, and a product for each token of the kernel."""
        width = tokens * sizes.num_attention_heads * sizes.head_dim
        weighed = tokens * sizes.num_attention_heads * self.kernel_size
        return Work({"convolutions": 1}, {"gated": width, "weighed": weighed, "convolved": width * self.kernel_size})

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:  # noqa: ARG002
        """DynamicConv, with the size of its kernel."""
        return rf"\mathrm{{DynamicConv}}_{{{self.kernel_size}}}\left(X\right)"

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        """The convolution of what passes the gates with the kernels that it makes, normalised as those of `conv`."""
        from .convolution import dynamic_convolution
        from .mixing import gated_heads

        heads = gated_heads(module, hidden_states)
        # (B, N, H * D) -> (B, N, H * K) -> (B, N, H, K)
        kernels = module.kernel_proj(heads.flatten(2)).unflatten(-1, (-1, self.kernel_size))
        kernels = kernels.softmax(-1) if module.config.kernel_softmax else kernels
        return module.out_proj(dynamic_convolution(heads, kernels, mask).flatten(2))
