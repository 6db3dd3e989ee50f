"""The work of a forward pass in a layer, by its kind: what costs and latencies are counted from.

There is one walk over a plan, and one vocabulary, whatever asks: `cost.py` adds up the numbers that are multiplied, a
prediction of latency weighs each kind of work by itself.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .lowering import Apply, Plan, Product
from .operations import Axis

_NOT_MULTIPLIED = frozenset(("gated",))
"""Kinds that no multiplication is counted for."""


@dataclass(frozen=True)
class Work:
    """The work of a layer on one text.

    Args:
        calls: how often something is begun, however much there is of it: fused attentions, products, steps.
        numbers: how many numbers are computed, by what they are.
    """

    calls: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def operations(self) -> int:
        """All multiplications with an addition, and all else that is computed."""
        return sum(many for kind, many in self.numbers.items() if kind not in _NOT_MULTIPLIED)


def plan_work(plan: Plan, tokens: int, heads: int, head_dim: int, seen: int | None = None) -> Work:
    """The work of a formula's plan.

    Args:
        plan: the plan.
        tokens: N, the length of the text.
        heads: H, each of which runs the plan.
        head_dim: D.
        seen: how many tokens a token attends to; all of them by default.
    """
    calls: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    lengths = {Axis.TOKENS: tokens, Axis.FEATURES: head_dim}
    pairs = tokens * (tokens if seen is None else seen)
    for step, (rows, columns) in zip(plan.steps, plan.axes, strict=True):
        if isinstance(step, Product):
            calls += Counter({"products": 1, "fused attentions": len(step.weights)})
            multiplied = step.order(tokens, head_dim)[0]
            for weights in step.weights:
                # The product with the value is among those of the chain, as if all tokens were seen.
                multiplied -= (tokens**2 - pairs) * head_dim
                numbers["compared"] += pairs * head_dim
                numbers["weighed"] += pairs
                numbers["scaled"] += pairs * bool(weights.scales)
                numbers["negated"] += tokens * head_dim * weights.negated
            numbers["multiplied"] += multiplied
        elif isinstance(step, Apply) and step.operation.name != "transpose":
            reduces = step.operation.reduces
            met = lengths[step.axes[0][reduces[0]]] if len(reduces) == 2 else 1
            calls["steps"] += 1
            numbers[step.operation.name] += lengths[rows] * lengths[columns] * met
    return Work(calls, {kind: heads * many for kind, many in numbers.items()})
