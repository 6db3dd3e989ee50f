"""The Fourier transform, against that of numpy on the real tokens alone."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autobert_zero_hf.model.layer_fourier import fourier_mix

from .masks import random_mask


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**31))
def test_the_transform_is_that_of_the_real_tokens_alone(tokens: int, features: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, tokens, features, generator=generator, dtype=torch.float64)
    mask = random_mask(2, tokens, generator)
    found = fourier_mix(x, mask)
    for row in range(2):
        wanted = np.fft.fft2(x[row][mask[row]].numpy()).real
        np.testing.assert_allclose(found[row][mask[row]].numpy(), wanted, atol=1e-9)
    assert not found[~mask].any()
    np.testing.assert_allclose(fourier_mix(x).numpy(), np.fft.fft2(x.numpy()).real, atol=1e-9)
