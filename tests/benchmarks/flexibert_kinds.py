"""The operations of FlexiBERT's space (Tuli et al. 2023, arXiv 2205.11656) as layer kinds that somebody registers.

Heads share the hidden size, so that they are the narrower the more there are. The Fourier transform is the package's.

Shapes: B batch, N tokens, C features, H heads, K kernel.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.mixers import Mixer, Number, register
from autobert_zero_hf.model.weights import HIDDEN, Linear, Table
from autobert_zero_hf.model.work import Work

if TYPE_CHECKING:
    from torch import Tensor

_HEADS = Number("heads", "number of heads", 16, choices=(2, 4))
_ATTENTION = {f"{name}_proj": Linear(HIDDEN, HIDDEN) for name in ("q", "k", "v", "o")}


class _Flexible(Mixer):
    """What they share: heads side by side on the hidden size, and no pairwise masks; rows have no padding here."""

    heads: int

    @property
    def mixes_tokens(self) -> bool:
        return True

    @property
    def takes_pairs(self) -> bool:
        return False

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:
        return rf"\mathrm{{{self.word.title()}}}_{{{self.heads}}}\left(X\right)"

    def split(self, x: "Tensor") -> "Tensor":
        """(B, N, C) -> (B, H, N, C / H)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@register
@dataclass(frozen=True)
class ScaledDotProduct(_Flexible):
    """Attention by scaled dot products."""

    heads: int

    word = "sdp"
    kind = "scaled_dot_product"
    noun = "an attention by scaled dot products"
    example = "sdp(4)"
    about = "`sdp(h)` is attention of `h` heads by scaled dot products."
    layer_type = "full_attention"
    module = "sdp"
    weights = _ATTENTION
    numbers = (_HEADS,)

    def work(self, sizes: Any, tokens: int) -> Work:
        pairs = tokens * tokens
        return Work({"products": 2}, {"compared": 2 * pairs * sizes.hidden_size, "weighed": pairs * self.heads})

    def queries(self, module: Any, x: "Tensor") -> "Tensor":
        """(B, H, N, C / H)."""
        return self.split(module.q_proj(x))

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        from torch.nn.functional import scaled_dot_product_attention

        keys, values = (self.split(project(hidden_states)) for project in (module.k_proj, module.v_proj))
        mixed = scaled_dot_product_attention(self.queries(module, hidden_states), keys, values)
        return module.o_proj(mixed.transpose(1, 2).flatten(2))


@register
@dataclass(frozen=True)
class WeightedProduct(ScaledDotProduct):
    """Attention whose queries are compared with keys through a learnt matrix, one for all heads (Luong et al. 2015)."""

    heads: int
    width: int

    word = "wma"
    kind = "weighted_product"
    noun = "an attention by weighted products"
    example = "wma(2, 8)"
    about = "`wma(h, w)` is attention of `h` heads of width `w` through a learnt matrix."
    module = "wma"
    weights = {**_ATTENTION, "between": Table((("head_width",), ("head_width",)))}
    numbers = (_HEADS, Number("width", "width of a head", 1024, choices=(32, 64)))

    @property
    def lengths(self) -> Mapping[str, int]:
        return {"head_width": self.width}

    def queries(self, module: Any, x: "Tensor") -> "Tensor":
        """(B, H, N, C / H)."""
        return super().queries(module, x) @ module.between


@register
@dataclass(frozen=True)
class Cosine(_Flexible):
    """The discrete cosine transform along tokens and features; it has no weights, and its heads say nothing."""

    heads: int

    word = "dct"
    kind = "cosine_transform"
    noun = "a cosine transform"
    example = "dct(2)"
    about = "`dct(h)` is the discrete cosine transform along tokens and features."
    layer_type = "full_attention"
    module = "dct"
    numbers = (_HEADS,)

    def work(self, sizes: Any, tokens: int) -> Work:
        numbers = tokens * sizes.hidden_size
        return Work(
            {"steps": 2}, {"multiplied": numbers * (max(1, tokens.bit_length()) + sizes.hidden_size.bit_length())}
        )

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        tokens, features = hidden_states.shape[1:]
        return cosines(tokens).to(hidden_states) @ hidden_states @ cosines(features).T.to(hidden_states)


def cosines(many: int) -> "Tensor":
    """The matrix of the transform (DCT-II): (many, many)."""
    import math

    import torch

    places = torch.arange(many, dtype=torch.float64)
    return (math.pi / many * (places[None, :] + 0.5) * places[:, None]).cos()


@register
@dataclass(frozen=True)
class SpanConvolution(_Flexible):
    """A convolution whose kernels all tokens that it sees make (ConvBERT, Jiang et al. 2020, arXiv 2008.02496)."""

    heads: int
    size: int

    word = "span"
    kind = "span_convolution"
    noun = "a span-based dynamic convolution"
    example = "span(2, 5)"
    about = (
        "`span(h, k)` is a convolution over `k` tokens whose kernels, one a head, depend on the tokens that they see."
    )
    module = "span"
    weights = {
        **_ATTENTION,
        "depthwise": Table((HIDDEN, ("size",))),
        "kernel_proj": Linear(("span_heads", "size"), HIDDEN),
    }
    numbers = (_HEADS, Number("size", "kernel size", 31, odd=True, choices=(5, 9)))

    @property
    def lengths(self) -> Mapping[str, int]:
        return {"size": self.size, "span_heads": self.heads}

    def work(self, sizes: Any, tokens: int) -> Work:
        return Work({"steps": 3}, {"convolved": 2 * tokens * sizes.hidden_size * self.size})

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        from torch.nn.functional import conv1d, pad

        width, side = hidden_states.shape[-1], self.size // 2
        seen = conv1d(hidden_states.transpose(1, 2), module.depthwise[:, None], padding=side, groups=width)
        spans = module.k_proj(seen.transpose(1, 2)) * module.q_proj(hidden_states)
        kernels = module.kernel_proj(spans).unflatten(-1, (self.heads, self.size)).softmax(-1)  # (B, N, H, K)
        values = pad(module.v_proj(hidden_states), (0, 0, side, side)).unfold(1, self.size, 1)  # (B, N, C, K)
        mixed = (values.unflatten(2, (self.heads, -1)) * kernels[:, :, :, None]).sum(-1)
        return module.o_proj(mixed.flatten(2))
