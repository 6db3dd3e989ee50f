"""From a typed graph to a plan: which parts run as fused scaled-dot-product attention, and which as they are written.

``matmul(softmax(A·Bᵀ), C)``, scaled or not, is attention whatever A, B and C compute, as long as the softmax runs over
tokens and the rest are tokens x features. All attentions of the paper have this form.
"""

from dataclasses import dataclass

from .axes import TypedGraph
from .graph import Node
from .operations import TOKENS_BY_FEATURES, Axes, Axis


@dataclass(frozen=True)
class Attention:
    """softmax(±query · keyᵀ / sqrt(head_size)^scales) · value; `key` is the place of the *transposed* key."""

    query: int
    key: int
    value: int
    scales: int
    negated: bool

    @property
    def operands(self) -> tuple[int, ...]:
        """The places that it reads."""
        return self.query, self.key, self.value


Step = Node | Attention


@dataclass(frozen=True)
class Plan:
    """The steps that are needed, by place in the graph, operands first; the last gives the output."""

    steps: tuple[tuple[int, Step], ...]
    axes: tuple[Axes, ...]
    frees: tuple[tuple[int, ...], ...]
    """For each step the places whose values no later step needs."""

    @property
    def kernels(self) -> tuple[str, ...]:
        """What the layer runs on: "attention" if it has a fused attention, "dense" if it has a reduction besides."""
        fused = any(isinstance(step, Attention) for _, step in self.steps)
        dense = any(isinstance(step, Node) and len(step.operands) > 1 and step.name != "add" for _, step in self.steps)
        return ("attention",) * fused + ("dense",) * (dense or not fused)


def lower(typed: TypedGraph) -> Plan:
    """The plan of a graph: it computes the same, to rounding."""
    nodes = typed.graph.nodes
    needed = {len(nodes) - 1}
    steps: list[tuple[int, Step]] = []
    for place in reversed(range(len(nodes))):
        if place in needed:
            step = _as_attention(typed, place) or nodes[place]
            needed.update(step.operands)
            steps.append((place, step))
    steps.reverse()
    last_use = {operand: place for place, step in steps for operand in step.operands}
    frees = tuple(tuple(o for o, last in last_use.items() if last == place) for place, _ in steps)
    return Plan(tuple(steps), typed.axes, frees)


def _as_attention(typed: TypedGraph, place: int) -> Attention | None:
    nodes, axes = typed.graph.nodes, typed.axes
    node = nodes[place]
    if node.name != "matmul" or axes[place] != TOKENS_BY_FEATURES:
        return None
    weights, value = node.operands
    if nodes[weights].name != "softmax" or axes[weights] != (Axis.TOKENS, Axis.TOKENS):
        return None
    scales, negated, scores = 0, False, nodes[weights].operands[0]
    while nodes[scores].name in ("scale", "neg"):
        scales += nodes[scores].name == "scale"
        negated ^= nodes[scores].name == "neg"
        scores = nodes[scores].operands[0]
    if nodes[scores].name != "matmul":
        return None
    query, key = nodes[scores].operands
    if axes[query] != TOKENS_BY_FEATURES:
        return None
    return Attention(query, key, value, scales, negated)
