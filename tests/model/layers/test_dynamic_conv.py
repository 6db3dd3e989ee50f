"""Dynamic convolution, against a sum token by token."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autobert_zero_hf.model.convolution import dynamic_convolution

from .masks import random_mask


@settings(max_examples=30)
@given(st.integers(1, 150), st.sampled_from([1, 3, 9, 31]), st.booleans(), st.integers(0, 2**31))
def test_a_dynamic_convolution_is_a_sum_over_shifted_tokens(tokens: int, size: int, padded: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, tokens, 3, 4, generator=generator, dtype=torch.float64)
    kernels = torch.randn(2, tokens, 3, size, generator=generator, dtype=torch.float64)
    mask = random_mask(2, tokens, generator) if padded else None
    real = x if mask is None else x * mask[:, :, None, None]
    wanted = torch.zeros_like(x)
    for place in range(size):
        for token in range(tokens):
            if 0 <= (other := token + place - size // 2) < tokens:
                wanted[:, token] += kernels[:, token, :, place, None] * real[:, other]
    torch.testing.assert_close(dynamic_convolution(x, kernels, mask), wanted)
    if mask is not None:
        pairs = mask[:, None, None, :].expand(2, 1, tokens, tokens)
        torch.testing.assert_close(dynamic_convolution(x, kernels, pairs), wanted)
