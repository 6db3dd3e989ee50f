"""The part of AutoTinyBERT's space that its fast search draws from, against an enumeration of the whole."""

import itertools
import random
from collections import Counter

import pytest
from autobert_zero_hf.search.space.fast_sizes import FastSizes
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace

LARGEST = Sizes(2, 320, 640, 5, 64)


def all_sizes(space: SizesSpace) -> list[Sizes]:
    ranges = (
        space.num_hidden_layers, space.hidden_size, space.intermediate_size, space.num_attention_heads, space.head_dim,
    )  # fmt: skip
    return [Sizes(*values) for values in itertools.product(*(steps.values for steps in ranges))]


@pytest.mark.parametrize("vary", ["heads", "head_dim"])
def test_it_is_what_has_the_paper_s_proportions(vary: str) -> None:
    space = SizesSpace.within(LARGEST, vary, hidden_step=32)
    fast = FastSizes.of(space)
    good = [
        sizes
        for sizes in all_sizes(space)
        if 1.6 <= sizes.intermediate_size / sizes.hidden_size <= 1.9 and 0.7 <= sizes.width / sizes.hidden_size <= 1
    ]
    assert 0 < len(good) == fast.count < space.count
    assert [sizes for sizes in all_sizes(space) if fast.rejection(sizes) is None] == good
    assert fast.rejection(LARGEST) == "intermediate_size 640 is not 1.6 to 1.9 times hidden_size 320"


def test_every_one_has_the_same_chance() -> None:
    """Chi-square; as many degrees of freedom as sizes, less one."""
    fast = FastSizes.of(SizesSpace.within(LARGEST, "heads", hidden_step=32))
    rng = random.Random(0)
    drawn = Counter(fast.sample(rng) for _ in range(200 * fast.count))
    assert len(drawn) == fast.count
    statistic = sum((times - 200) ** 2 / 200 for times in drawn.values())
    assert statistic < fast.count - 1 + 4 * (2 * (fast.count - 1)) ** 0.5


def test_where_nothing_is_left_it_says_so() -> None:
    # 1.6 to 1.9 times 128 is more than 96.
    with pytest.raises(ValueError, match=r"no sizes from 1 layers, hidden 64, .* have 1.6 to 1.9 times"):
        FastSizes.of(SizesSpace.within(Sizes(2, 128, 96, 2, 64), "heads", hidden_step=64))
