"""Lightweight convolution: a depthwise convolution along tokens whose kernels are normalised and shared by a head.

Wu et al., "Pay Less Attention with Lightweight and Dynamic Convolutions", ICLR 2019 (arXiv 1901.10430), the layer that
AutoBERT-Zero mixes with attention.

Shapes: B batch, N tokens, H heads, D channels of a head, K kernel size.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BANDED_FROM_KERNEL = 15
BANDED_UP_TO_TOKENS = 1024


def lightweight_convolution(x: Tensor, kernels: Tensor, token_mask: Tensor | None = None) -> Tensor:
    """Convolve along tokens; what lies beyond the sequence, padding included, counts as zero.

    Args:
        x: (B, N, H, D).
        kernels: (H, K), K odd; a softmax over K makes them averages.
        token_mask: (B, N) bool, true where a token is real; None if all are.

    Returns:
        (B, N, H, D).
    """
    if token_mask is not None:
        x = x.masked_fill(~token_mask[:, :, None, None], 0.0)
    kernels = kernels.softmax(-1)
    banded = kernels.shape[-1] >= BANDED_FROM_KERNEL and x.shape[1] <= BANDED_UP_TO_TOKENS
    return banded_product(x, kernels) if banded else grouped_convolution(x, kernels)


def grouped_convolution(x: Tensor, kernels: Tensor) -> Tensor:
    """The convolution as torch has it; x (B, N, H, D), kernels (H, K). O(N K) multiplications a channel."""
    batch, tokens, heads, channels = x.shape
    size = kernels.shape[-1]
    # (B, N, H, D) -> (B, H * D, N)
    wide = x.reshape(batch, tokens, heads * channels).transpose(1, 2)
    weight = kernels.repeat_interleave(channels, dim=0)[:, None, :]
    out = F.conv1d(wide, weight.to(wide.dtype), padding=size // 2, groups=heads * channels)
    return out.transpose(1, 2).reshape(batch, tokens, heads, channels)


def banded_product(x: Tensor, kernels: Tensor) -> Tensor:
    """The convolution as a dense product with a banded matrix; x (B, N, H, D), kernels (H, K). O(N^2)."""
    tokens, size = x.shape[1], kernels.shape[-1]
    # band[h, i, j] = kernels[h, j - i + K // 2] where that exists: the weight of token j for token i
    reach = max(tokens - 1 - size // 2, 0)
    padded = F.pad(kernels, (reach, reach))
    start = (padded.shape[-1] - 1) // 2
    places = torch.arange(tokens, device=x.device)
    band = padded[:, places[None, :] - places[:, None] + start]
    return torch.einsum("hij,bjhd->bihd", band.to(x.dtype), x)
