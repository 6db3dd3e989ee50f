"""Local attention, block by block: in time and memory that are linear in the number of tokens.

Shapes: B batch, H heads, N tokens, D head size, W tokens on either side.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs

from .attention import AutoBertZeroAttention, eager_attention_forward
from .execution import AttentionKernel
from .mixers import Mixer

_LEAST_BLOCK = 32
"""Tokens of a block at least: below, its products are too small to be fast."""


class AutoBertZeroLocalAttention(AutoBertZeroAttention):
    """An attention within a window.

    The matrix of tokens x tokens is made where it is asked for: by `attn_implementation="eager"`, by a pairwise mask,
    and in a program that is exported for any length.
    """

    def __init__(self, config: Any, mixer: Mixer, layer_idx: int):
        super().__init__(config, mixer, layer_idx)
        self.reach = mixer.values["reach"]

    def masks(
        self,
        tokens: int,
        device: torch.device,
        kernel_mask: Tensor | None,
        mask: Tensor | None,
        interface: Callable,
    ) -> tuple[Tensor | None, Tensor | None]:
        """The window as a pairwise mask, where the matrix is made; both masks as they were given where it is not."""
        whole = interface is eager_attention_forward or (mask is not None and mask.dim() == 4)
        if whole or torch.compiler.is_exporting() or torch.jit.is_tracing():
            kernel_mask = mask = near(tokens, self.reach, mask, device)
        return kernel_mask, mask

    def kernel(
        self,
        interface: Callable,
        kernel_mask: Tensor | None,
        mask: Tensor | None,
        dropout: float,
        **kwargs: Unpack[TransformersKwargs],
    ) -> AttentionKernel:
        """Blocks, whatever the implementation; its own where the mask is one of pairs, which has the window in it."""
        if mask is not None and mask.dim() == 4:
            return super().kernel(interface, kernel_mask, mask, dropout, **kwargs)

        def attention(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
            return local_attention(query, key, value, self.reach, mask, dropout, scaling)

        return attention


def near(tokens: int, reach: int, mask: Tensor | None, device: torch.device) -> Tensor:
    """A pairwise mask: whether the column's token lies within the window of the row's, and may be seen.

    Args:
        tokens: N.
        reach: W.
        mask: bool; (B, N), or of pairs; None if nothing is hidden.
        device: where it is wanted.

    Returns:
        (B or 1, H or 1, N, N). Where the mask is (B, N) each token, padding too, sees itself: none sees nothing.
    """
    places = torch.arange(tokens, device=device)
    distance = (places[:, None] - places).abs()
    band = (distance <= reach)[None, None]
    if mask is None:
        return band
    if mask.dim() == 2:
        mask = mask[:, None, None, :] | (distance == 0)
    return band & mask


def local_attention(
    query: Tensor, key: Tensor, value: Tensor, reach: int, mask: Tensor | None, dropout: float, scaling: float
) -> Tensor:
    """softmax(scaling · query · keyᵀ) · value, where each token sees those at most W places away.

    Args:
        query: (B, H, N, D).
        key: (B, H, N, D).
        value: (B, H, N, D).
        reach: W.
        mask: bool, (B, N), true where a token is real; None if all are.
        dropout: the probability with which a weight is dropped.
        scaling: of the scores.

    Returns:
        (B, H, N, D).
    """
    batch, _, tokens, _ = query.shape
    reach = min(reach, tokens)
    block = min(max(reach, _LEAST_BLOCK), tokens)
    blocks = -(-tokens // block)
    beyond = blocks * block - tokens
    wide = block + 2 * reach

    def rows(x: Tensor) -> Tensor:
        # (B, H, N, D) -> (B, H, blocks, block, D) -> (B * blocks, H, block, D)
        return F.pad(x, (0, 0, 0, beyond)).unflatten(2, (blocks, block)).transpose(1, 2).flatten(0, 1)

    def columns(x: Tensor) -> Tensor:
        # (B, H, N, D) -> (B, H, blocks, D, wide) -> (B * blocks, H, wide, D)
        windows = F.pad(x, (0, 0, reach, beyond + reach)).unfold(2, wide, block)
        return windows.permute(0, 2, 1, 4, 3).flatten(0, 1)

    if mask is None:
        mask = torch.ones(1, tokens, dtype=torch.bool, device=query.device)
    # (B or 1, N) -> (B or 1, blocks, 1, wide)
    real = F.pad(mask, (reach, beyond + reach)).unfold(1, wide, block)[:, :, None]
    # In its block's window, token i stands at i + W: (block, wide)
    steps = torch.arange(wide, device=query.device) - torch.arange(block, device=query.device)[:, None]
    seen = (real & (steps >= 0) & (steps <= 2 * reach)) | (steps == reach)
    seen = seen.expand(batch, blocks, block, wide).flatten(0, 1)[:, None]
    out = F.scaled_dot_product_attention(
        rows(query), columns(key), columns(value), attn_mask=seen, dropout_p=dropout, scale=scaling
    )
    # (B * blocks, H, block, D) -> (B, H, N, D)
    return out.unflatten(0, (batch, blocks)).transpose(1, 2).flatten(2, 3)[:, :, :tokens]
