"""The primitive operations of attention: one table, a row an operation.

An operation works on tensors of shape (..., rows, columns). Its row says how many operands it takes, what it computes,
which axes come out of which, and which axis of each operand it *reduces* (sums over, normalises over). The last is
what makes padding safe: where a reduced axis runs along tokens, the padded entries are set to the neutral element
before the function sees them (`execution.py`), so a function never needs to know about padding.

A new operation is one row. It is probed when it is registered: its axis rule against real shapes, and its values and
gradients at zeros and at large inputs::

    register(Operation("relu", 1, lambda x, head_size: x.relu(), axes=unchanged, source="Nair and Hinton, 2010"))

The first ten operations are those of AutoBERT-Zero (Gao et al., AAAI 2022, arXiv 2107.07445).

The rules need no tensors, and the functions import torch when they run: formulas can be read, checked and drawn in a
process that never imports it.
"""

import contextlib
import difflib
import enum
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .excerpts import excerpt
from .graph import INPUTS
from .origins import NOT_REGISTERED
from .registry import Registry

if TYPE_CHECKING:
    from torch import Tensor


class Axis(enum.StrEnum):
    """What an axis of a tensor runs along."""

    TOKENS = "tokens"
    FEATURES = "features"


Axes = tuple[Axis, Axis]
AxisRule = Callable[..., Axes]
TOKENS_BY_FEATURES: Axes = (Axis.TOKENS, Axis.FEATURES)
TOKENS_BY_TOKENS: Axes = (Axis.TOKENS, Axis.TOKENS)


class AxesError(ValueError):
    """Operands whose axes an operation does not accept; the message says why."""


def show_axes(axes: Axes) -> str:
    """For a message: ``(tokens, features)``."""
    return f"({axes[0]}, {axes[1]})"


def unchanged(a: Axes) -> Axes:
    """The rule of an element-wise operation."""
    return a


def swapped(a: Axes) -> Axes:
    """The rule of a transposition."""
    return a[1], a[0]


def equal(a: Axes, b: Axes) -> Axes:
    """The rule of an element-wise operation on two tensors."""
    if a != b:
        raise AxesError(f"both operands need the same axes, but they are {show_axes(a)} and {show_axes(b)}")
    return a


def product(a: Axes, b: Axes) -> Axes:
    """The rule of a matrix product: (a, b) x (b, c) -> (a, c)."""
    if a[1] != b[0]:
        raise AxesError(
            f"the columns of the first operand and the rows of the second need the same axis, "
            f"but the operands are {show_axes(a)} and {show_axes(b)}"
        )
    return a[0], b[1]


def rows_against_rows(a: Axes, b: Axes) -> Axes:
    """The rule of a comparison of each row with each row: (a, f), (b, f) -> (a, b)."""
    if a[1] != b[1]:
        raise AxesError(f"the operands need the same columns, but they are {show_axes(a)} and {show_axes(b)}")
    return a[0], b[0]


@dataclass(frozen=True)
class Operation:
    """A row of the table.

    Args:
        name: what stands in formulas; letters, digits and underscores.
        arity: the number of operands, 1 or 2.
        function: `function(*operands, head_size)` on tensors of shape (..., rows, columns).
        axes: the axes of the result from those of the operands; raises `AxesError` where it is not defined.
        source: where the operation comes from.
        reduces: for each operand the axis (-1 or -2) that is summed or normalised over; empty if none is.
        neutral: what an entry must be to have no part in that reduction.
        odd: whether it works on each entry by itself, with f(-x) = -f(x); used to recognise equal graphs.
    """

    name: str
    arity: int
    function: "Callable[..., Tensor]"
    axes: AxisRule
    source: str
    reduces: tuple[int, ...] = ()
    neutral: float = 0.0
    odd: bool = False

    @property
    def elementwise(self) -> bool:
        """Whether the operation works on each entry of one operand by itself, and so commutes with a transposition."""
        return self.arity == 1 and self.axes is unchanged and not self.reduces

    @cached_property
    def legal_axes(self) -> dict[tuple[Axes, ...], Axes]:
        """The axes of the result for every choice of axes of the operands that is legal."""
        found: dict[tuple[Axes, ...], Axes] = {}
        for choice in itertools.product(itertools.product(Axis, Axis), repeat=self.arity):
            with contextlib.suppress(AxesError):
                found[choice] = self.axes(*choice)
        return found

    def reduces_tokens(self, operands: Sequence[Axes]) -> bool:
        """Whether the result at one token depends on other tokens, for operands with these axes."""
        return any(axes[reduced] is Axis.TOKENS for axes, reduced in zip(operands, self.reduces, strict=False))

    def looked_on(self, operands: Sequence[Axes]) -> bool:
        """Whether each sum over tokens is for a token, so that a pairwise mask can say what is in it."""
        summed = [axes for axes, reduced in zip(operands, self.reduces, strict=False) if axes[reduced] is Axis.TOKENS]
        # A zero in one factor takes the other's entry out of a product.
        enough = any if self.axes is product else all
        return not summed or enough(axes == TOKENS_BY_TOKENS for axes in summed)

    def __reduce__(self) -> tuple[Callable[[str], "Operation"], tuple[str]]:
        """Pickled by name, since functions cannot be: a model that holds a plan can."""
        return _named, (self.name,)


OPERATIONS: Registry[Operation] = Registry("operation")
_RESERVED = {"mlp"}
"""Words of lines that are no formulas: that of a feed-forward block, and those of layer kinds."""

_deferred = False
_waiting: list[Operation] = []
"""Operations that are not probed yet."""


def operation(name: str) -> Operation:
    """The operation of this name.

    Raises:
        KeyError: if there is none; the message names the nearest one.
    """
    if name not in OPERATIONS:
        # Names are case-sensitive, and mostly in lower case.
        near = difflib.get_close_matches(name, OPERATIONS, n=1) or difflib.get_close_matches(
            name.lower(), OPERATIONS, n=1
        )
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(OPERATIONS)}"
        raise KeyError(f"unknown operation {excerpt(name)}: {hint} ({NOT_REGISTERED})")
    return OPERATIONS[name]


def operation_names() -> tuple[str, ...]:
    """The names of all registered operations, in the order of their registration."""
    return tuple(OPERATIONS)


def register(new: Operation) -> Operation:
    """Add an operation to the table, after probing it; within `probed_later`, before that.

    Raises:
        ValueError: if the name is not free or not a name, or if the probe finds a wrong shape, a value or gradient
            that is not finite, or an axis rule that fails on every input.
    """
    reserved = (*INPUTS, *_RESERVED, NORMALISED_ROWS.name)
    if not re.fullmatch(r"[A-Za-z_]\w*", new.name, re.ASCII) or new.name in reserved:
        raise ValueError(f"{new.name!r} cannot name an operation")
    if new.name in OPERATIONS:  # before it is probed, which takes time
        raise ValueError(f"{OPERATIONS.what} {new.name!r} is registered already")
    if new.arity not in (1, 2):
        raise ValueError(f"operation {new.name!r}: an operation takes 1 or 2 operands, not {new.arity}")
    if new.reduces and len(new.reduces) != new.arity:
        raise ValueError(f"operation {new.name!r}: `reduces` needs an axis for each of the {new.arity} operands")
    if _deferred:
        _waiting.append(new)
    else:
        probe(new)
    OPERATIONS.add(new.name, new)
    return new


def reserve(word: str) -> None:
    """Keep a word from being an operation's name, since it means something else in a line of a backbone.

    Raises:
        ValueError: if it means something else already.
    """
    if word in OPERATIONS or word in _RESERVED:
        raise ValueError(f"the word {word!r} means something else already")
    _RESERVED.add(word)


def release(word: str) -> None:
    """Let a word that was reserved be an operation's name again."""
    _RESERVED.discard(word)


@contextlib.contextmanager
def probed_later() -> Iterator[None]:
    """Leaves the probes of what is registered within it to `probe_waiting`: they need torch, and help does not."""
    global _deferred
    _deferred, before = True, _deferred
    try:
        yield
    finally:
        _deferred = before


def probe_waiting() -> None:
    """Probes what waits for it; a configuration asks for this, so that no model is made of what was not probed.

    Raises:
        ValueError: as `register` does; the operation is then taken out of the table.
    """
    while _waiting:
        new = _waiting.pop()
        try:
            probe(new)
        except ValueError:
            unregister(new.name)
            raise


def unregister(name: str) -> None:
    """Take an operation out of the table."""
    OPERATIONS.remove(operation(name).name)
    _waiting[:] = [new for new in _waiting if new.name != name]


def probe(new: Operation) -> None:
    """Run an operation on real tensors of every legal shape; sizes differ, so that a wrong axis shows.

    Raises:
        ValueError: for a wrong shape, a value or gradient that is not finite, or a rule that accepts nothing.
    """
    import torch

    sizes = {Axis.TOKENS: 5, Axis.FEATURES: 3}
    if not new.legal_axes:
        raise ValueError(f"operation {new.name!r}: its axis rule accepts no operands at all")
    for choice, axes in new.legal_axes.items():
        generator = torch.Generator().manual_seed(0)
        for magnitude in (1.0, 0.0, -1e4, 1e4):
            operands = [
                (magnitude * torch.rand(2, *(sizes[axis] for axis in a), generator=generator)).requires_grad_()
                for a in choice
            ]
            result = new.function(*operands, head_size=sizes[Axis.FEATURES])
            wanted = (2, *(sizes[axis] for axis in axes))
            if tuple(result.shape) != wanted:
                raise ValueError(
                    f"operation {new.name!r}: its axis rule says {show_axes(axes)}, shape {wanted}, for operands "
                    f"{', '.join(map(show_axes, choice))}, but the function gives shape {tuple(result.shape)}"
                )
            gradients = torch.autograd.grad(result.sum(), operands, allow_unused=True)
            for what, tensor in (("value", result), *(("gradient", g) for g in gradients)):
                if tensor is not None and not torch.isfinite(tensor).all():
                    raise ValueError(f"operation {new.name!r}: a {what} is not finite for inputs around {magnitude:g}")


def _at_least_float32(x: "Tensor") -> "Tensor":
    import torch

    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _normalised_rows(x: "Tensor") -> "Tensor":
    """Rows of length 1; a zero row stays zero, with a bounded gradient."""
    import torch

    wide = _at_least_float32(x)
    squares = wide.square().sum(-1, keepdim=True)
    return (wide / torch.where(squares > 0, squares, 1.0).sqrt()).to(x.dtype)


def _cosine_similarity(a: "Tensor", b: "Tensor", head_size: int) -> "Tensor":
    return _normalised_rows(a) @ _normalised_rows(b).transpose(-1, -2)


def _euclidean_distance(a: "Tensor", b: "Tensor", head_size: int) -> "Tensor":
    import torch

    # Differences rather than |a|^2 + |b|^2 - 2ab: the square root would turn the rounding of equal rows into distances
    # of 1e-3, which depend on the shape of the product and so on padding. The gradient at distance zero is zero.
    if torch.compiler.is_exporting():
        # ONNX has no such operation. In float64 the rounding stays below that of the result.
        wide_a, wide_b = a.double(), b.double()
        squares = wide_a.square().sum(-1)[..., :, None] + wide_b.square().sum(-1)[..., None, :]
        squares = squares - 2 * wide_a @ wide_b.transpose(-1, -2)
        apart = squares > 0
        return torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0).to(a.dtype)
    wide = torch.cdist(_at_least_float32(a), _at_least_float32(b), compute_mode="donot_use_mm_for_euclid_dist")
    return wide.to(a.dtype)


def _logsigmoid(x: "Tensor", head_size: int) -> "Tensor":
    import torch

    if torch.compiler.is_exporting():
        # ONNX has no such operation, and the logarithm of a sigmoid is infinite far below 0.
        return x.clamp(max=0.0) - torch.log1p(torch.exp(-x.abs()))
    return torch.nn.functional.logsigmoid(x)


NORMALISED_ROWS = Operation(
    "normalised_rows",
    1,
    lambda x, head_size: _normalised_rows(x),
    unchanged,
    "half of cosine_similarity",
    reduces=(-1,),
)
"""No word of the formulas: plans make a cosine similarity a product of rows that this has normalised."""


def _named(name: str) -> Operation:
    return NORMALISED_ROWS if name == NORMALISED_ROWS.name else operation(name)


def _add_built_in(new: Operation) -> None:
    OPERATIONS.add(new.name, new)  # a test probes them


_PAPER = "AutoBERT-Zero, arXiv 2107.07445"
for _row in (
    Operation("neg", 1, lambda x, head_size: -x, unchanged, _PAPER),
    Operation("transpose", 1, lambda x, head_size: x.transpose(-1, -2), swapped, _PAPER),
    Operation("scale", 1, lambda x, head_size: x / math.sqrt(head_size), unchanged, _PAPER),
    Operation("softmax", 1, lambda x, head_size: x.softmax(-1), unchanged, _PAPER, reduces=(-1,), neutral=-math.inf),
    Operation("logsigmoid", 1, _logsigmoid, unchanged, _PAPER),
    Operation("softsign", 1, lambda x, head_size: x / (x.abs() + 1), unchanged, _PAPER, odd=True),
    Operation("add", 2, lambda a, b, head_size: a + b, equal, _PAPER),
    Operation("matmul", 2, lambda a, b, head_size: a @ b, product, _PAPER, reduces=(-1, -2)),
    Operation("cosine_similarity", 2, _cosine_similarity, rows_against_rows, _PAPER, reduces=(-1, -1)),
    Operation("euclidean_distance", 2, _euclidean_distance, rows_against_rows, _PAPER, reduces=(-1, -1)),
    Operation("sigmoid", 1, lambda x, head_size: x.sigmoid(), unchanged, "Ramapuram et al., arXiv 2409.04431"),
):
    _add_built_in(_row)

PAPER_OPERATIONS = tuple(name for name, row in OPERATIONS.items() if row.source == _PAPER)
"""The names of the ten: what a search draws from by default, whatever is registered besides."""
