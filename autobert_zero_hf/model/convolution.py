"""Lightweight convolution: a depthwise convolution along tokens whose kernels are shared by the channels of a head.

Wu et al., "Pay Less Attention with Lightweight and Dynamic Convolutions", ICLR 2019 (arXiv 1901.10430), the layer that
AutoBERT-Zero mixes with attention; and the dynamic one of the same paper, whose kernels differ from token to token.

There are three forms of the first, all linear in the number of tokens. Which is fastest depends on the kernel, the
device and on whether gradients are wanted; `fastest_form` is the rule, and `tests/benchmarks/convolution.py` justifies
it on a CPU.

Shapes: B batch, N tokens, H heads, D channels of a head, K kernel size.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 64
"""Tokens that `banded_product` computes at once."""


def lightweight_convolution(x: Tensor, kernels: Tensor, mask: Tensor | None = None) -> Tensor:
    """Convolve along tokens; what lies beyond the sequence, padding included, counts as zero.

    Args:
        x: (B, N, H, D).
        kernels: (H, K), K odd, as they are to be used: normalised, if they are to be averages.
        mask: bool; (B, N), true where a token is real, or a pairwise mask, (B, 1 or H, N, N), true where the row's
            token may see the column's, under which the time is quadratic; None if nothing is hidden.

    Returns:
        (B, N, H, D).
    """
    kernels = kernels.to(x.dtype)
    if mask is not None and mask.dim() == 4:
        return masked_product(x, kernels, mask)
    if mask is not None:
        x = x.masked_fill(~mask[:, :, None, None], 0.0)
    return fastest_form(x, kernels.shape[-1])(x, kernels)


def fastest_form(x: Tensor, kernel_size: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The form to compute a convolution of `x` (B, N, H, D) with, as the benchmark has it."""
    if torch.compiler.is_exporting() or torch.jit.is_tracing():
        # A program for any length must not look at the length; and every runtime has a fast depthwise convolution.
        return grouped_convolution
    if x.device.type != "cpu":
        # Not measured yet: the benchmark has run on a CPU only.
        return banded_product if kernel_size >= 15 else grouped_convolution
    if x.dtype not in (torch.float32, torch.bfloat16):
        return banded_product
    # Forwards, depthwise convolutions are fastest throughout; backwards, they are slow where kernel and text are long.
    if torch.is_grad_enabled() and kernel_size > (31 if x.shape[1] <= 128 else 9 if x.dtype == torch.float32 else 3):
        return banded_product
    return channels_last_convolution


def channels_last_convolution(x: Tensor, kernels: Tensor) -> Tensor:
    """A depthwise convolution of an image of one row that lies in memory as x does; x (B, N, H, D), kernels (H, K)."""
    batch, tokens, heads, channels = x.shape
    size = kernels.shape[-1]
    # (B, N, H, D) -> (B, H * D, 1, N), without a copy
    image = x.reshape(batch, 1, tokens, heads * channels).permute(0, 3, 1, 2)
    weight = _depthwise(kernels, channels)[:, None, None, :]
    out = F.conv2d(image, weight, padding=(0, size // 2), groups=heads * channels)
    # (B, H * D, 1, N) -> (B, N, H, D)
    return out.permute(0, 2, 3, 1).reshape(x.shape)


def grouped_convolution(x: Tensor, kernels: Tensor) -> Tensor:
    """A depthwise convolution as torch has it; x (B, N, H, D), kernels (H, K)."""
    batch, tokens, heads, channels = x.shape
    # (B, N, H, D) -> (B, H * D, N)
    rows = x.reshape(batch, tokens, heads * channels).transpose(1, 2)
    weight = _depthwise(kernels, channels)[:, None, :]
    out = F.conv1d(rows, weight, padding=kernels.shape[-1] // 2, groups=heads * channels)
    return out.transpose(1, 2).reshape(x.shape)


def _depthwise(kernels: Tensor, channels: int) -> Tensor:
    """A kernel for each channel: (H, K) -> (H * D, K)."""
    return kernels.repeat_interleave(channels, dim=0)


def banded_product(x: Tensor, kernels: Tensor) -> Tensor:
    """Products of blocks of tokens, each with its context, with a banded matrix; x (B, N, H, D), kernels (H, K).

    Of each (BLOCK + K - 1) products only K count, but it is a dense product, and as fast as any.
    """
    batch, tokens, heads, channels = x.shape
    size = kernels.shape[-1]
    block = min(BLOCK, tokens)
    wide, blocks = block + size - 1, -(-tokens // block)
    # (B, N, H, D) -> windows (B, blocks, H, D, block + K - 1) -> (H, block + K - 1, B * blocks * D)
    padded = F.pad(x, (0, 0, 0, 0, size // 2, blocks * block - tokens + size // 2))
    windows = padded.unfold(1, wide, block).permute(2, 4, 0, 1, 3).reshape(heads, wide, -1)
    # band[h, i, j] = kernels[h, j - i] where that exists: the weight of the window's token j for the block's token i.
    # A row of (K kernel, block zeros) repeated and cut into rows one shorter moves by one place from row to row.
    band = F.pad(kernels, (0, block)).repeat(1, block)[:, : block * wide].view(heads, block, wide)
    # (H, block, B * blocks * D) -> (B, blocks * block, H, D)
    out = torch.bmm(band, windows).view(heads, block, batch, blocks, channels).permute(2, 3, 1, 0, 4)
    return out.reshape(batch, blocks * block, heads, channels)[:, :tokens]


def dynamic_convolution(x: Tensor, kernels: Tensor, mask: Tensor | None = None) -> Tensor:
    """Convolve along tokens, each token with kernels of its own; what lies beyond the sequence, padding too, is zero.

    Args:
        x: (B, N, H, D).
        kernels: (B, N, H, K), K odd, as they are to be used.
        mask: as for `lightweight_convolution`.

    Returns:
        (B, N, H, D).
    """
    batch, tokens, heads, channels = x.shape
    size = kernels.shape[-1]
    kernels = kernels.to(x.dtype)
    if mask is not None and mask.dim() == 4:
        # (B, N, H, K) -> (B, H, N, K) -> (B, H, N, N)
        inside, offsets = _band(tokens, size, x.device)
        offsets = offsets.expand(batch, heads, tokens, tokens)
        band = kernels.transpose(1, 2).gather(-1, offsets).masked_fill(~(inside & mask), 0.0)
        return (band @ x.transpose(1, 2)).transpose(1, 2)
    if mask is not None:
        x = x.masked_fill(~mask[:, :, None, None], 0.0)
    if torch.compiler.is_exporting() or torch.jit.is_tracing():
        # A program for any length must not look at the length: a product a place of the kernel.
        padded = F.pad(x, (0, 0, 0, 0, size // 2, size // 2))
        shifted = (padded[:, place : place + tokens] * kernels[..., place, None] for place in range(size))
        return sum(shifted, torch.zeros_like(x))
    block = min(BLOCK, tokens)
    wide, blocks = block + size - 1, -(-tokens // block)
    beyond = blocks * block - tokens
    # (B, N, H, D) -> windows (B, blocks, H, D, block + K - 1)
    windows = F.pad(x, (0, 0, 0, 0, size // 2, beyond + size // 2)).unfold(1, wide, block)
    # band[i, j] = kernels[i, j - i] where that exists, by the same shift from row to row as in `banded_product`.
    rows = F.pad(kernels, (0, block, 0, 0, 0, beyond)).unflatten(1, (blocks, block)).transpose(2, 3)
    band = rows.flatten(3)[..., : block * wide].unflatten(3, (block, wide))
    # (B, blocks, H, block, wide) · (B, blocks, H, wide, D) -> (B, blocks * block, H, D)
    out = (band @ windows.transpose(3, 4)).transpose(2, 3)
    return out.reshape(batch, blocks * block, heads, channels)[:, :tokens]


def masked_product(x: Tensor, kernels: Tensor, mask: Tensor) -> Tensor:
    """A product with the whole banded matrix, less what is hidden; x (B, N, H, D), kernels (H, K), pairwise mask."""
    inside, offsets = _band(x.shape[1], kernels.shape[-1], x.device)
    # (B, H, N, N) · (B, H, N, D)
    band = kernels[:, offsets].masked_fill(~(inside & mask), 0.0)
    return (band @ x.transpose(1, 2)).transpose(1, 2)


def _band(tokens: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Whether the row's token has the column's in its kernel, and at which place; (N, N) both."""
    places = torch.arange(tokens, device=device)
    offsets = places - places[:, None] + size // 2
    return (offsets >= 0) & (offsets < size), offsets.clamp(0, size - 1)
