"""Rotary positions: pairs of features of queries and keys are turned by angles that grow with the position.

RoFormer (Su et al., 2021, arXiv 2104.09864, equation 15), with the first half of a head's features paired with the
second, as most implementations have it. Products of a query and a key then depend on how far they are apart.
"""

from typing import Any, TypeAlias

import torch
from torch import Tensor

from .block import ROTARY

Angles: TypeAlias = tuple[Tensor, Tensor]
"""Cosines and sines, (B or 1, 1, N, D // 2) each."""
Turns: TypeAlias = tuple[Angles, Angles]
"""Those of layers that see all tokens, and of those that see a window."""


def angles(position_ids: Tensor, head_dim: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The cosines and sines of the angles: for each token, and each pair of features.

    Args:
        position_ids: (B or 1, N).
        head_dim: D.
        base: of the geometric series of angles; 10,000 in the paper.
        dtype: of the result; it is computed in float32.

    Returns:
        (B or 1, 1, N, D // 2) twice.
    """
    pairs = head_dim // 2
    steps = torch.arange(pairs, device=position_ids.device, dtype=torch.float32)
    # To the last bit what transformers' models compute, which far positions would show.
    turns = position_ids[:, None, :, None].float() * (1.0 / base ** (2 * steps / max(2, 2 * pairs)))
    return turns.cos().to(dtype), turns.sin().to(dtype)


def turns_of(config: Any, position_ids: Tensor, dtype: torch.dtype) -> Turns | None:
    """The angles in layers that see all tokens, and in those that see a window; None where positions are not rotary.

    Args:
        config: of the model.
        position_ids: (B or 1, N).
        dtype: of the result.
    """
    # CODEPATH: converted BERTs and the paper's backbone have a table; converted ModernBERTs come further.
    if config.positions != ROTARY:
        return None
    everywhere = angles(position_ids, config.head_dim, config.rope_theta, dtype)
    if config.local_rope_theta is None:
        return everywhere, everywhere
    return everywhere, angles(position_ids, config.head_dim, config.local_rope_theta, dtype)


def rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries or keys, turned; of an odd number of features the last one stays.

    Args:
        x: (B, H, N, D).
        cosines: what `angles` gave, and `sines` too.
        sines: (B or 1, 1, N, D // 2).
    """
    pairs = cosines.shape[-1]
    first, second, rest = x[..., :pairs], x[..., pairs : 2 * pairs], x[..., 2 * pairs :]
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines, rest], -1)
