"""The layers of a backbone as text: ``conv(9)`` is a convolution, any other line the formula of an attention."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .axes import TypedGraph, infer_axes
from .canonical import identity
from .excerpts import excerpt
from .graph import AttentionGraph, FormulaError, check_length
from .lowering import Plan, lower

MAX_KERNEL_SIZE = 1023

_CONVOLUTION = re.compile(r"\s*conv\s*\(([^()]*)\)\s*")
_MEANT_AS_CONVOLUTION = re.compile(r"\s*conv(?:\d*\s*$|\s+[\d\s]*(?:$|[^\w\s])|[^\w\s])", re.IGNORECASE)
_WORD = re.compile(r"\bconv\b", re.IGNORECASE)


@dataclass(frozen=True)
class ConvolutionLayer:
    """A lightweight convolution over `kernel_size` tokens."""

    kernel_size: int

    def __str__(self) -> str:
        return f"conv({self.kernel_size})"

    @property
    def identity(self) -> str:
        """The same for layers that compute the same function."""
        return str(self)


@dataclass(frozen=True)
class AttentionLayer:
    """An attention that computes a typed graph."""

    typed: TypedGraph

    @property
    def graph(self) -> AttentionGraph:
        """The graph without its axes."""
        return self.typed.graph

    def __str__(self) -> str:
        return str(self.typed.graph)

    @property
    def identity(self) -> str:
        """The same for layers whose normal forms are the same."""
        return identity(self.typed.graph)

    @cached_property
    def plan(self) -> Plan:
        """What the layer runs, unless it runs as it is written."""
        return lower(self.typed)


Layer = ConvolutionLayer | AttentionLayer


def is_convolution(text: str) -> bool:
    """Whether a line is meant as a convolution, legal or not."""
    return _CONVOLUTION.fullmatch(text) is not None


def parse_layer(text: str) -> Layer:
    """Read a line of a backbone.

    Raises:
        FormulaError: (a ValueError) for a line that is not a legal layer; it shows the place and the reason.

    >>> parse_layer("conv(9)")
    ConvolutionLayer(kernel_size=9)
    >>> parse_layer("matmul(matmul(q, transpose(k)), v)").plan.kinds
    ('linear',)
    >>> parse_layer("conv(4)")
    Traceback (most recent call last):
    ...
    autobert_zero_hf.model.graph.FormulaError: a convolution takes an odd kernel size from 1 to 1023, not '4'
        conv(4)
             ^
    """
    if not isinstance(text, str):
        raise FormulaError(f"a layer is a text such as conv(9), not {type(text).__name__}", excerpt(text))
    check_length(text)
    return _parse_layer(text)


@lru_cache(maxsize=4096)
def _parse_layer(text: str) -> Layer:
    match = _CONVOLUTION.fullmatch(text)
    if match is None and _MEANT_AS_CONVOLUTION.match(text):
        raise _not_a_convolution(text)
    if match is None:
        if inside := _WORD.search(text):
            raise FormulaError("a convolution is a layer of its own, and no part of a formula", text, inside.span())
        return AttentionLayer(infer_axes(AttentionGraph.parse(text)))
    written = match[1].strip()
    size = int(written) if re.fullmatch(r"[0-9]{1,4}", written) else 0
    if size % 2 == 0 or size > MAX_KERNEL_SIZE:
        raise FormulaError(
            f"a convolution takes an odd kernel size from 1 to {MAX_KERNEL_SIZE}, not {excerpt(written)}",
            text,
            match.span(1),
        )
    return ConvolutionLayer(size)


def _not_a_convolution(text: str) -> FormulaError:
    """What is wrong with a line that begins like one."""
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if not text[begin:].startswith("conv"):
        return FormulaError("names are written in lower case: conv(9), say", text, (begin, begin + 4))
    if whole := _CONVOLUTION.match(text):
        return FormulaError(
            f"unexpected {text[whole.end()]!r} after a convolution", text, (whole.end(), whole.end() + 1)
        )
    if text.count("(") == 1 and ")" not in text:
        return FormulaError("the parenthesis of the convolution is not closed", text[:end] + " ", (end, end + 1))
    return FormulaError("a convolution is written as in conv(9), with its kernel size", text, (begin, end))


def backbone_identity(layers: Sequence[str]) -> str:
    """A hash of a backbone, 16 hexadecimal digits: the same if layer by layer the normal forms are the same.

    >>> backbone_identity(["transpose(transpose(add(q, k)))"]) == backbone_identity(["add(k, q)"])
    True
    """
    text = "|".join(parse_layer(layer).identity for layer in layers)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
