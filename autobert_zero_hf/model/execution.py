"""Running attention graphs on tensors: the naive masked reference, and plans.

Shapes: B batch, H heads, N tokens, D head size. q, k and v are (B, H, N, D); a token mask is (B, N), true where a token
is real. Padding is handled here and nowhere else: before an operation reduces an axis that runs along tokens, the
padded entries of that axis are set to the operation's neutral element. Everything else an operation may do is
element-wise, so a real token's output never depends on padding.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .axes import TypedGraph
from .graph import Node
from .lowering import Attention, Plan
from .operations import Axes, Axis, operation

AttentionKernel = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""`kernel(query, key, value, scaling)`: softmax(scaling · query · keyᵀ) · value; all tensors (B, H, N, D)."""


@dataclass(frozen=True)
class Surroundings:
    """What a graph's operations need to know beside their operands.

    Args:
        head_size: D, for `scale`.
        token_mask: (B, N) bool, true where a token is real; None if all are.
        dropout: the probability with which an attention weight is dropped; 0 outside training.
    """

    head_size: int
    token_mask: Tensor | None = None
    dropout: float = 0.0


def interpret(
    typed: TypedGraph, inputs: Mapping[str, Tensor], surroundings: Surroundings
) -> tuple[Tensor, Tensor | None]:
    """The reference: each operation as it is written, one after another.

    Args:
        typed: a legal graph.
        inputs: (B, H, N, D) for each input that the graph uses.
        surroundings: head size, padding and dropout.

    Returns:
        The output, (B, H, N, D), and the attention weights, (B, H, N, N): the last softmax of tokens against tokens,
        None if there is none.
    """
    values: list[Tensor] = []
    weights = None
    for node, axes in zip(typed.graph.nodes, typed.axes, strict=True):
        values.append(
            _step(
                node, [values[o] for o in node.operands], [typed.axes[o] for o in node.operands], inputs, surroundings
            )
        )
        if node.name == "softmax" and axes == (Axis.TOKENS, Axis.TOKENS):
            weights = values[-1]
    return values[-1], weights


def run(plan: Plan, inputs: Mapping[str, Tensor], surroundings: Surroundings, attention: AttentionKernel) -> Tensor:
    """Run a plan; fused attentions go to `attention`, which also masks padded keys and drops weights.

    Returns:
        The output, (B, H, N, D).
    """
    values: dict[int, Tensor] = {}
    for (place, step), unused in zip(plan.steps, plan.frees, strict=True):
        operands = [values[o] for o in step.operands]
        if isinstance(step, Attention):
            query, key, value = operands
            scaling = surroundings.head_size ** (-0.5 * step.scales)
            # Kernels want a positive scaling, so a sign goes into the query.
            query = -query if step.negated else query
            values[place] = attention(query, key.transpose(-1, -2), value, scaling)
        else:
            values[place] = _step(step, operands, [plan.axes[o] for o in step.operands], inputs, surroundings)
        for done in unused:
            del values[done]
    return values[plan.steps[-1][0]]


def _step(
    node: Node,
    operands: list[Tensor],
    axes: list[Axes],
    inputs: Mapping[str, Tensor],
    surroundings: Surroundings,
) -> Tensor:
    if node.is_input:
        return inputs[node.name]
    rule = operation(node.name)
    for i, reduced in enumerate(rule.reduces):
        if axes[i][reduced] is Axis.TOKENS and surroundings.token_mask is not None:
            operands[i] = _without_padding(operands[i], reduced, rule.neutral, surroundings.token_mask)
    result = rule.function(*operands, head_size=surroundings.head_size)
    if node.name == "softmax" and axes[0][-1] is Axis.TOKENS and surroundings.dropout:
        result = F.dropout(result, surroundings.dropout, training=True)
    return result


def _without_padding(x: Tensor, axis: int, neutral: float, token_mask: Tensor) -> Tensor:
    """x with the neutral element in the padded places of a token axis."""
    padded = ~(token_mask[:, None, None, :] if axis == -1 else token_mask[:, None, :, None])
    # A row that is padding throughout stays finite: its weights are even, and its values are masked where they count.
    value = torch.finfo(x.dtype).min if neutral == -math.inf else neutral
    return x.masked_fill(padded, value)
