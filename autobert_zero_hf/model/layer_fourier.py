"""The Fourier transform as a layer: the real part of the transform along features and real tokens.

FNet (Lee-Thorp et al., 2022, arXiv 2105.03824) transforms a whole row, so that what a token gets depends on how much
padding stands beside it. Here a text of n real tokens is transformed as if it stood alone: along n tokens.

Shapes: B batch, N tokens, C features.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .graph import AttentionGraph
from .mixers import Mixer, register
from .work import Work

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@register
@dataclass(frozen=True)
class Fourier(Mixer):
    """The real part of the discrete Fourier transform along features and real tokens; it has no weights."""

    word = "fourier"
    kind = "fourier"
    noun = "a Fourier transform"
    example = "fourier"
    about = "`fourier` is the real part of the Fourier transform along tokens and features, as in FNet."
    layer_type = "full_attention"  # each token sees all others; transformers has no word for it
    colour = "#dcefdc"
    module = "fourier"

    @property
    def mixes_tokens(self) -> bool:
        """The transform mixes all tokens."""
        return True

    @property
    def takes_pairs(self) -> bool:
        """The transform sums over all tokens, whichever looks on: a pairwise mask has no meaning."""
        return False

    def work(self, sizes: Any, tokens: int) -> Work:
        """The work of fast transforms, of each token and of each feature."""
        numbers = tokens * sizes.hidden_size
        return Work({"steps": 2}, {"multiplied": 2 * numbers * math.ceil(math.log2(max(2, numbers)))})

    def latex(self, write: Callable[[AttentionGraph], str]) -> str:  # noqa: ARG002
        """The real part of the transform."""
        return r"\mathrm{Re}\left(\mathcal{F}\left(X\right)\right)"

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":  # noqa: ARG002
        """The transform of the hidden states."""
        return fourier_mix(hidden_states, mask)


def fourier_mix(x: "Tensor", mask: "Tensor | None" = None) -> "Tensor":
    """The real part of the transform along the last two axes; of a text's real tokens alone, wherever they stand.

    Args:
        x: (B, N, C).
        mask: bool, (B, N), true where a token is real; None if all are.

    Returns:
        (B, N, C), in the type of x; it is computed in float32 at least. Zero where a token is not real.
    """
    import torch

    wide = x if x.dtype == torch.float64 else x.float()
    exporting = torch.compiler.is_exporting() or torch.jit.is_tracing()
    if mask is None and not exporting:
        return torch.fft.fft2(wide).real.to(x.dtype)
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    wide = wide.masked_fill(~mask[:, :, None], 0.0)
    if exporting:  # runtimes have no transform of complex numbers
        places = torch.arange(x.shape[-1], device=x.device)
        cosines, sines = _waves(places, places, x.shape[-1], wide.dtype)
        real, imaginary = wide @ cosines, -(wide @ sines)
    else:
        transformed = torch.fft.fft(wide)
        real, imaginary = transformed.real, transformed.imag
    # The place of a token among the real ones, and how many these are: (B, N), (B, 1, 1)
    places, lengths = mask.cumsum(1) - 1, mask.sum(1)[:, None, None].clamp_min(1)
    cosines, sines = _waves(places, places, lengths, wide.dtype)
    # exp(-iw) (a + ib) has the real part cos(w) a + sin(w) b.
    mixed = cosines @ real + sines @ imaginary
    return mixed.masked_fill(~mask[:, :, None], 0.0).to(x.dtype)


def _waves(rows: "Tensor", columns: "Tensor", length: "Tensor | int", dtype: "torch.dtype") -> "tuple[Tensor, Tensor]":
    """Cosines and sines of 2 pi row column / length: (..., R), (..., S) -> (..., R, S) twice."""
    # The product as a whole number, so that long texts lose no digits.
    turns = (rows[..., :, None] * columns[..., None, :]) % length
    angles = (2 * math.pi) * turns.to(dtype) / length
    return angles.cos(), angles.sin()
