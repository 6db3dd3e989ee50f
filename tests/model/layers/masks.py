"""Masks of tokens at random."""

import torch
from torch import Tensor


def random_mask(batch: int, tokens: int, generator: torch.Generator) -> Tensor:
    mask = torch.rand(batch, tokens, generator=generator) < 0.7
    mask[:, tokens // 2] = True
    return mask
