"""Running attention graphs on tensors: the naive masked reference, and plans for speed.

Shapes: B batch, H heads, N tokens, D head size. q, k and v are (B, H, N, D). The padding of formulas is handled here
and nowhere else: before an operation reduces an axis that runs along tokens, the padded entries of that axis are set to
the operation's neutral element. Everything else an operation may do is element-wise, so a real token's output never
depends on padding.

A mask is (B, N), true where a token is real, or a pairwise mask, (B or 1, H or 1, N, N), true where the row's token may
see the column's. The second hides entries of matrices of tokens x tokens, whichever of their axes is reduced. A formula
that reduces tokens of any other matrix, such as kᵀ·v, has no token that looks on, and so no meaning under such a mask.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .association import Order, first_factor
from .axes import TypedGraph
from .lowering import Input, Plan, Product, Weights
from .operations import TOKENS_BY_TOKENS, Axes, Axis, Operation, operation

AttentionKernel = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""`kernel(query, key, value, scaling)`: softmax(scaling · query · keyᵀ) · value; all tensors (B, H, N, D)."""

_LONG = 2**20
"""Tokens of a text beside which the size of a head is nothing."""


@dataclass(frozen=True)
class Context:
    """What a graph's operations need to know beside their operands.

    Args:
        head_size: D, for `scale`.
        mask: bool, (B, N) or (B or 1, H or 1, N, N); None if nothing is hidden.
        dropout: the probability with which an attention weight is dropped; 0 outside training.
    """

    head_size: int
    mask: Tensor | None = None
    dropout: float = 0.0


def interpret(typed: TypedGraph, inputs: Mapping[str, Tensor], context: Context) -> tuple[Tensor, Tensor | None]:
    """The reference: each operation as it is written, one after another.

    Args:
        typed: a legal graph.
        inputs: (B, H, N, D) for each input that the graph uses.
        context: head size, padding and dropout.

    Returns:
        The output, (B, H, N, D), and the attention weights, (B, H, N, N): the last softmax of tokens against tokens,
        None if there is none.
    """
    values: list[Tensor] = []
    weights = None
    for node, axes in zip(typed.graph.nodes, typed.axes, strict=True):
        if node.is_input:
            values.append(inputs[node.name])
            continue
        operands = [values[o] for o in node.operands]
        values.append(_apply(operation(node.name), operands, [typed.axes[o] for o in node.operands], context))
        if node.name == "softmax" and axes == (Axis.TOKENS, Axis.TOKENS):
            weights = values[-1]
    return values[-1], weights


def run(plan: Plan, inputs: Mapping[str, Tensor], context: Context, attention: AttentionKernel) -> Tensor:
    """Run a plan; fused attentions go to `attention`, which also masks padded keys and drops weights.

    Returns:
        The output, (B, H, N, D).
    """
    values: dict[int, Tensor] = {}
    tokens = next(iter(inputs.values())).shape[-2]
    # In a strict export Dynamo shows a length as a number, be it fixed or not.
    if torch.compiler.is_exporting() and (torch.compiler.is_dynamo_compiling() or not isinstance(tokens, int)):
        # A program for any length has one order for all, the one for long texts: time and memory stay linear.
        tokens = _LONG
    products = _Products(values, tokens, context, attention)
    for place, (step, unused) in enumerate(zip(plan.steps, plan.frees, strict=True)):
        if isinstance(step, Input):
            values[place] = inputs[step.name]
        elif isinstance(step, Product):
            values[place] = products.multiply(step)
        else:
            operands = [values[o] for o in step.operands]
            values[place] = _apply(step.operation, operands, step.axes, context)
        for done in unused:
            del values[done]
    return values[len(plan.steps) - 1]


def _apply(rule: Operation, operands: list[Tensor], axes: Sequence[Axes], context: Context) -> Tensor:
    mask = context.mask
    if mask is not None:
        pairs = mask.dim() == 4
        for i, reduced in enumerate(rule.reduces):
            if axes[i] == TOKENS_BY_TOKENS if pairs else axes[i][reduced] is Axis.TOKENS:
                operands[i] = _without_hidden(operands[i], reduced, rule.neutral, mask)
    result = rule.function(*operands, head_size=context.head_size)
    if rule.name == "softmax" and axes[0][-1] is Axis.TOKENS and context.dropout:
        result = F.dropout(result, context.dropout, training=True)
    return result


def _without_hidden(x: Tensor, axis: int, neutral: float, mask: Tensor) -> Tensor:
    """x with the neutral element in the hidden places of a token axis; (B, H, N, N) where the mask is one of pairs."""
    if mask.dim() == 2:
        hidden = ~(mask[:, None, None, :] if axis == -1 else mask[:, None, :, None])
    else:
        hidden = ~(mask if axis == -1 else mask.transpose(-1, -2))
    # A row that is hidden throughout stays finite: its weights are even, and its values are masked where they count.
    value = torch.finfo(x.dtype).min if neutral == -math.inf else neutral
    return x.masked_fill(hidden, value)


class _Products:
    """Multiplies chains, given the results of earlier steps.

    Factor i of a chain stands between boundaries i and i + 1.
    """

    def __init__(self, values: Mapping[int, Tensor], tokens: int, context: Context, attention: AttentionKernel):
        self.values = values
        self.tokens = tokens
        self.context = context
        self.attention = attention

    def multiply(self, product: Product) -> Tensor:
        """The product of the factors, in the order that costs least for this number of tokens."""
        return self._multiply(product, product.order(self.tokens, self.context.head_size)[1])

    def _multiply(self, product: Product, order: Order) -> Tensor:
        factors, mask = product.factors, self.context.mask
        if isinstance(order, int):
            step = factors[order]
            if isinstance(step, Weights):  # `Chain` fuses them with a value
                raise ValueError(f"weights without a value in {product}")
            return self._factor(product, order, step)
        left, right = order
        if isinstance(left, int) and isinstance(weights := factors[left], Weights):
            return self._attend(weights, self._multiply(product, right))
        if isinstance(right, int) and isinstance(weights := factors[right], Weights):
            return self._attend(weights, self._multiply(product, left).transpose(-1, -2)).transpose(-1, -2)
        a, b = self._multiply(product, left), self._multiply(product, right)
        place = first_factor(right)
        if mask is not None and isinstance(factors[place - 1], Weights) and isinstance(factors[place], Weights):
            a = _without_hidden(a, -1, 0.0, mask)
        return a @ b

    def _factor(self, product: Product, place: int, step: int) -> Tensor:
        """An ordinary factor, without padding where the product sums over its tokens."""
        value, mask = self.values[step], self.context.mask
        if mask is None:
            return value
        for axis, neighbour, boundary in ((-2, place - 1, place), (-1, place + 1, place + 1)):
            if 0 <= neighbour < len(product.factors) and product.boundaries[boundary] is Axis.TOKENS:
                other = product.factors[neighbour]
                # Weights that this factor is a value of, or the start of one, are summed by a kernel that masks.
                if not (isinstance(other, Weights) and other.transposed is (axis == -1)):
                    value = _without_hidden(value, axis, 0.0, mask)
        return value

    def _attend(self, weights: Weights, value: Tensor) -> Tensor:
        """The weights times a value, (B, H, N, D)."""
        queries, keys = self.values[weights.query], self.values[weights.key]
        # Kernels want a positive scaling, so a sign goes into the queries.
        queries = -queries if weights.negated else queries
        # Not so small that a kernel in float32 would take it for zero, and multiply -inf by it.
        scaling = max(self.context.head_size ** (-0.5 * weights.scales), 2.0**-100)
        return self.attention(_side_by_side(queries), _side_by_side(keys), _side_by_side(value), scaling)


def _side_by_side(x: Tensor) -> Tensor:
    """x with the entries of a row side by side in memory, as fast kernels want it."""
    return x if x.stride(-1) == 1 else x.contiguous()
