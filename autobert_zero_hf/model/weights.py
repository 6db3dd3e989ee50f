"""What the weights of a layer are: of each axis, the sizes that it is a product of.

From that follow a weight's shape, its cost and which part of it a smaller model has. An axis is a tuple of *factors*:
names of sizes that a configuration has, such as ``("num_attention_heads", "head_dim")`` for heads side by side, or of
lengths that a line of a backbone says itself, such as the kernel of a convolution.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Factors = tuple[str, ...]

HIDDEN: Factors = ("hidden_size",)
WIDTH: Factors = ("num_attention_heads", "head_dim")
"""All heads of a layer, side by side."""
GATED: Factors = ("halves", *WIDTH)
"""The values of a gated linear unit, then its gates."""
HEADS: Factors = ("num_attention_heads",)
KERNEL: Factors = ("kernel",)
"""The tokens that a convolution sees; of a longer kernel, a shorter one is the centre."""
INNER: Factors = ("feed-forward",)
"""The width inside a feed-forward block."""

_HALVES = {"halves": 2}


@dataclass(frozen=True)
class Linear:
    """A linear layer: (..., into) -> (..., out).

    Args:
        out: the factors of what it gives.
        into: the factors of what it takes.
        bias: whether it has one.
    """

    out: Factors
    into: Factors
    bias: bool = True

    @property
    def axes(self) -> tuple[Factors, ...]:
        """The axes of its weight; a bias has the first one."""
        return self.out, self.into


@dataclass(frozen=True)
class Table:
    """A parameter of its own, which begins as random numbers of the configuration's `initializer_range`.

    Args:
        axes: its axes.
    """

    axes: tuple[Factors, ...]


Weight = Linear | Table


def length(factors: Factors, sizes: Any, lengths: Mapping[str, int]) -> int:
    """The length of an axis.

    Args:
        factors: of the axis.
        sizes: what has the sizes of a configuration as attributes.
        lengths: those that a layer says itself.
    """
    known = {**_HALVES, **lengths}
    return math.prod(known[name] if name in known else getattr(sizes, name) for name in factors)


def shape(weight: Weight, sizes: Any, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a weight, without the bias; the arguments are those of `length`."""
    return tuple(length(factors, sizes, lengths) for factors in weight.axes)


def parameters(weight: Weight, sizes: Any, lengths: Mapping[str, int], bias: bool = True) -> int:
    """How many numbers a weight has, with its bias if it may have one; the arguments else are those of `length`."""
    sides = shape(weight, sizes, lengths)
    return math.prod(sides) + (sides[0] if bias and isinstance(weight, Linear) and weight.bias else 0)


def multiplications(weight: Weight, sizes: Any, lengths: Mapping[str, int]) -> int:
    """How often a linear layer multiplies for a token; 0 for a table. The arguments are those of `length`."""
    return math.prod(shape(weight, sizes, lengths)) if isinstance(weight, Linear) else 0
