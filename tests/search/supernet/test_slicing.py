"""The table of rules against index lists that are written out one by one."""

import numpy as np
import pytest
import torch
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.supernet.slicing import copy_overlap, cut, overlap
from hypothesis import given, settings
from hypothesis import strategies as st

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.conversion.named_axes import axes_of, known_axes
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.blocks import BLOCKS
from autobert_zero_hf.model.mixers import KINDS

KERNEL = 7


def model(sizes: Sizes, kernel: int, tied: bool = True) -> AutoBertZeroForMaskedLM:
    """One layer of each kind."""
    config = AutoBertZeroConfig(
        layers=[BERT_ATTENTION, f"conv({kernel})"],
        vocab_size=7,
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_attention_heads=sizes.num_attention_heads,
        head_dim=sizes.head_dim,
        max_position_embeddings=5,
        tie_word_embeddings=tied,
        pad_token_id=None,
    )
    return AutoBertZeroForMaskedLM(config)


def places(name: str, axis: int, large: Sizes, small: Sizes, kernel: int) -> list[int]:
    """Which entries of an axis a smaller model has: the reference."""
    hidden = list(range(small.hidden_size))
    width = [h * large.head_dim + d for h in range(small.num_attention_heads) for d in range(small.head_dim)]
    if name.endswith("kernels"):
        middle = KERNEL // 2
        around = range(middle - kernel // 2, middle + kernel // 2 + 1)
        return list(around) if axis else list(range(small.num_attention_heads))
    if "in_proj" in name and axis == 0:
        return width + [large.num_attention_heads * large.head_dim + place for place in width]
    if any(part in name for part in ("q_proj", "k_proj", "v_proj")) and axis == 0:
        return width
    if ("o_proj" in name or "out_proj" in name) and axis == 1:
        return width
    if ("up_proj" in name and axis == 0) or ("down_proj" in name and axis == 1):
        return list(range(small.intermediate_size))
    for part, length in (("word_embeddings", 7), ("decoder", 7), ("position_", 5), ("token_type_", 2)):
        if part in name and axis == 0:
            return list(range(length))
    return hidden


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Sizes, Sizes, int]:
    large = [draw(st.integers(1, 5)) for _ in range(4)]
    small = [draw(st.integers(1, value)) for value in large]
    return Sizes(2, *large), Sizes(2, *small), draw(st.sampled_from((1, 3, 5, 7)))


@settings(max_examples=40)
@given(pairs(), st.booleans())
def test_every_weight_is_cut_where_the_reference_cuts_it(pair: tuple[Sizes, Sizes, int], tied: bool) -> None:
    large, small, kernel = pair
    parts = dict(model(small, kernel, tied).named_parameters())
    for name, weight in model(large, KERNEL, tied).named_parameters():
        with torch.no_grad():
            weight.copy_(torch.arange(weight.numel()).view_as(weight))
        wanted = [places(name, axis, large, small, kernel) for axis in range(weight.dim())]
        expected = weight.detach().numpy()[np.ix_(*wanted)]
        part = cut(name, weight, large, parts[name].shape, small)
        assert part.is_contiguous()
        np.testing.assert_array_equal(part.detach().numpy(), expected, err_msg=name)
        # The gradient reaches these entries, and no others.
        (gradient,) = torch.autograd.grad(part.sum(), weight)
        reached = np.zeros(weight.shape)
        reached[np.ix_(*wanted)] = 1
        np.testing.assert_array_equal(gradient.numpy(), reached, err_msg=name)


@settings(max_examples=25)
@given(pairs(), pairs())
def test_of_two_models_neither_of_which_holds_the_other_the_common_part_is_copied(
    one: tuple[Sizes, Sizes, int], two: tuple[Sizes, Sizes, int]
) -> None:
    (sizes, _, kernel), (other_sizes, _, other_kernel) = one, two
    common = Sizes(2, *(min(sizes_of) for sizes_of in zip(_four(sizes), _four(other_sizes), strict=True)))
    smallest = dict(model(common, min(kernel, other_kernel)).named_parameters())
    others = dict(model(other_sizes, other_kernel).named_parameters())
    for name, weight in model(sizes, kernel).named_parameters():
        before = weight.detach().clone()
        copy_overlap(name, weight, sizes, others[name], other_sizes)
        shape = smallest[name].shape
        assert torch.equal(
            cut(name, weight, sizes, shape, common), cut(name, others[name], other_sizes, shape, common)
        ), name
        changed = (weight != before).sum()
        assert changed <= smallest[name].numel()


def _four(sizes: Sizes) -> tuple[int, ...]:
    return sizes.hidden_size, sizes.intermediate_size, sizes.num_attention_heads, sizes.head_dim


def test_what_is_whole_is_the_weight_itself() -> None:
    sizes = Sizes(2, 4, 6, 2, 3)
    for name, weight in model(sizes, KERNEL).named_parameters():
        assert cut(name, weight, sizes, weight.shape, sizes) is weight


@pytest.mark.parametrize("name", ["autobert_zero.layers.0.attention.gate.weight", "pooler.dense.weight", "kernels"])
def test_a_weight_that_no_rule_knows_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"no rule says what the axes of the weight {name} are"):
        axes_of(name)


def test_every_rule_is_of_a_weight_that_there_is() -> None:
    names = [name for name, _ in model(Sizes(2, 4, 6, 2, 3), 3, tied=False).named_parameters()]
    layers = [kind.example for kind in KINDS.values()]
    with torch.device("meta"):
        for block in BLOCKS:
            config = AutoBertZeroConfig(layers=layers, block=block, embedding_size=24, tie_word_embeddings=False)
            names += [name for name, _ in AutoBertZeroForMaskedLM(config).named_parameters()]
    for module in known_axes():
        assert any(module in name for name in names), module


def test_what_does_not_fit_is_an_error_with_both_sizes() -> None:
    large, other = Sizes(2, 4, 6, 2, 3), Sizes(2, 4, 6, 3, 2)
    name = "autobert_zero.layers.0.attention.q_proj.weight"
    weight = torch.zeros(6, 4)
    # As wide, but of other heads.
    with pytest.raises(ValueError, match=r"of shape \(6, 4\), of .* 2 heads of 3, has no part for .* 3 heads of 2"):
        cut(name, weight, large, weight.shape, other)
    with pytest.raises(ValueError, match=r"has shape \(5, 4\), which is not that of a model of .* 2 heads of 3"):
        overlap(name, torch.zeros(5, 4), large, weight.shape, other)
    with pytest.raises(ValueError, match=r"has shape \(6,\)"):
        overlap(name, torch.zeros(6), large, weight.shape, large)
