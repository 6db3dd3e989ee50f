import pytest
import torch

from autobert_zero_hf.model.convolution import (
    banded_product,
    channels_last_convolution,
    grouped_convolution,
    lightweight_convolution,
)


def by_hand(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """A sum over the places of the kernel, each of which sees the text moved, with zeros beyond its ends."""
    tokens, reach = x.shape[1], weights.shape[-1] // 2
    beyond = x.new_zeros(x.shape[0], reach, *x.shape[2:])
    text = torch.cat([beyond, x, beyond], 1)
    return sum(weights[:, place, None] * text[:, place : place + tokens] for place in range(weights.shape[-1]))


@pytest.mark.parametrize("form", [banded_product, channels_last_convolution, grouped_convolution])
@pytest.mark.parametrize("size", [1, 3, 9, 31])
@pytest.mark.parametrize("tokens", [1, 2, 8, 20, 70, 150])
def test_each_form_computes_the_convolution(form, size: int, tokens: int) -> None:
    x = torch.randn(2, tokens, 3, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, size, dtype=torch.float64, requires_grad=True)
    out, wanted = form(x, weights), by_hand(x, weights)
    torch.testing.assert_close(out, wanted)
    toward = torch.randn_like(out)
    for a, w in zip(
        torch.autograd.grad((out * toward).sum(), [x, weights]),
        torch.autograd.grad((wanted * toward).sum(), [x, weights]),
        strict=True,
    ):
        torch.testing.assert_close(a, w)


@pytest.mark.parametrize("size", [3, 65])
def test_padding_counts_as_the_end_of_the_text(size: int) -> None:
    x, kernels = torch.randn(2, 12, 2, 4), torch.randn(2, size)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    out = lightweight_convolution(x, kernels, mask)
    torch.testing.assert_close(out[0], lightweight_convolution(x[:1], kernels)[0])
    torch.testing.assert_close(out[1, :7], lightweight_convolution(x[1:, :7], kernels)[0])


@pytest.mark.parametrize("size", [1, 3, 65])
def test_a_mask_of_pairs_takes_each_pair_out(size: int) -> None:
    x, weights = torch.randn(2, 12, 3, 4, dtype=torch.float64), torch.randn(3, size, dtype=torch.float64)
    mask = torch.rand(2, 3, 12, 12) < 0.5
    out = lightweight_convolution(x, weights, mask)
    for row in range(2):
        for head in range(3):
            for token in range(12):
                # What this token sees of a text in which everything else is zero.
                seen = x[row : row + 1, :, head : head + 1] * mask[row, head, token][None, :, None, None]
                wanted = by_hand(seen, weights[head : head + 1])[0, token, 0]
                torch.testing.assert_close(out[row, token, head], wanted)
    torch.testing.assert_close(
        lightweight_convolution(x, weights, torch.ones(1, 1, 12, 12, dtype=torch.bool)),
        lightweight_convolution(x, weights),
    )
