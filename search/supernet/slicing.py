"""Sub-models as slices: which part of each weight a smaller model has, by what its axes are.

What these are is said by `named_axes`. A weight of a sub-model is the first part of the larger model's weight along
each axis (AutoTinyBERT, 2021.acl-long.400, section 3.2), with two exceptions: heads stand side by side on one axis, of
which the first ones remain, and of *each* of these the first dimensions; and of a convolution's kernels the centre
remains, so that a token stays under its own weight (BIWS, arXiv 2107.07445).

Where an axis is made of several sizes, as that of the heads, it is seen as several axes, one for each *factor*: a query
projection of shape (heads * head_dim, hidden) as (heads, head_dim, hidden). Then every slice is a plain one.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from autobert_zero_hf.conversion.named_axes import axes_of
from autobert_zero_hf.model.weights import HIDDEN, KERNEL, WIDTH, Factors

from ..space.sizes import Sizes

_OWN: dict[str, tuple[Factors, ...]] = {"teacher_projection": (("teacher",), HIDDEN)}
"""The axes of what a super-net has and no model."""
_SIZES = frozenset((*WIDTH, *HIDDEN))


def _axes(name: str) -> tuple[Factors, ...]:
    module, _, kind = name.rpartition(".")
    if module not in _OWN:
        return axes_of(name)
    return _OWN[module][:1] if kind == "bias" else _OWN[module]


def _factored(name: str, shape: Sequence[int], sizes: Sizes) -> tuple[int, ...]:
    """The shape of a weight with an axis for each factor."""
    axes, lengths = _axes(name), []
    for axis, length in zip(axes, shape, strict=False):
        known = {"halves": 2, **{factor: getattr(sizes, factor) for factor in axis if factor in _SIZES}}
        rest = length // math.prod(known[factor] for factor in axis if factor in known)
        factors = [known.get(factor, rest) for factor in axis]
        if math.prod(factors) == length:
            lengths += factors
    if len(axes) != len(shape) or len(lengths) != sum(map(len, axes)):
        raise ValueError(f"{name} has shape {tuple(shape)}, which is not that of a model of {sizes}")
    return tuple(lengths)


def overlap(name: str, weight: Tensor, sizes: Sizes, other: Sequence[int], other_sizes: Sizes) -> Tensor:
    """A view of what a weight has in common with the same weight of a model of other sizes.

    Args:
        name: of both.
        weight: the weight, contiguous.
        sizes: those of its model.
        other: the shape of the other weight.
        other_sizes: those of the other's model.

    Returns:
        The view, with an axis for each factor; that of the other weight has the same shape.

    Raises:
        ValueError: if no rule knows the name, or a shape is not that of its sizes.
    """
    own, others = _factored(name, weight.shape, sizes), _factored(name, other, other_sizes)
    factors = [factor for axis in _axes(name) for factor in axis]
    places = []
    for factor, length, wanted in zip(factors, own, others, strict=True):
        common = min(length, wanted)
        start = (length - common) // 2 if factor in KERNEL else 0
        places.append(slice(start, start + common))
    return weight.view(own)[tuple(places)]


def cut(name: str, weight: Tensor, sizes: Sizes, shape: Sequence[int], smaller: Sizes) -> Tensor:
    """The part of a weight that a smaller model has.

    Args:
        name: of the weight.
        weight: that of the larger model, contiguous.
        sizes: those of the larger model.
        shape: that of the part.
        smaller: the sizes of the smaller model.

    Returns:
        The weight itself where it is the whole, else its part, contiguous; gradients reach the weight.

    Raises:
        ValueError: as `overlap` does, or if the part is not within the weight.
    """
    wanted = _factored(name, shape, smaller)
    if wanted == _factored(name, weight.shape, sizes):
        return weight
    part = overlap(name, weight, sizes, shape, smaller)
    if part.shape != wanted:
        raise ValueError(f"{name} of shape {tuple(weight.shape)}, of {sizes}, has no part for {smaller}")
    # In memory as in a model of its own, so that the same sums are taken in the same order. Views with the larger
    # model's strides gave the same bits wherever they were tried, and were no faster (`tests/benchmarks/sliced.py`).
    return part.reshape(tuple(shape)).contiguous()


@torch.no_grad()
def copy_overlap(name: str, target: Tensor, sizes: Sizes, source: Tensor, source_sizes: Sizes) -> None:
    """Copy into a weight what it has in common with the same weight of a model of other sizes.

    Args:
        name: of both.
        target: what is written to.
        sizes: those of its model.
        source: what is copied.
        source_sizes: those of its model.

    Raises:
        ValueError: as `overlap` does.
    """
    ours = overlap(name, target, sizes, source.shape, source_sizes)
    ours.copy_(overlap(name, source, source_sizes, target.shape, sizes))
