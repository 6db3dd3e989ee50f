"""What the latency of a backbone is predicted from: counts of the work that its forward pass does, by kind."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.backbone import ConvolutionLayer
from autobert_zero_hf.model.lowering import Apply, Plan, Product
from autobert_zero_hf.model.operations import NORMALISED_ROWS, Axis, operation_names

from ..space.sizes import Sizes

_KINDS = (
    "pass",
    "embedded",
    "layers",
    "multiplied by weights",
    "weights",
    "projected",
    "activated",
    "normalised",
    "convolutions",
    "gated",
    "convolved",
    "fused attentions",
    "compared",
    "weighed",
    "products",
    "multiplied",
    "steps",
)
FEATURES = (*_KINDS, *operation_names(), NORMALISED_ROWS.name)
"""The kinds, and the operations of formulas; each is counted in numbers that are computed, or in calls."""


def count_work(layers: Sequence[str], sizes: Sizes, texts: int, tokens: int) -> list[float]:
    """The work of a forward pass, a number for each of `FEATURES`.

    Args:
        layers: the backbone.
        sizes: its sizes.
        texts: B, of a forward pass.
        tokens: N, of a text.
    """
    total = dict.fromkeys(FEATURES, 0.0)
    total["pass"] = 1.0
    total["embedded"] = float(texts * tokens * sizes.hidden_size)
    for text in layers:
        for kind, amount in _layer_work(text, _one_layer(sizes), texts, tokens).items():
            total[kind] += amount
    return list(total.values())


def _one_layer(sizes: Sizes) -> tuple[int, int, int, int]:
    return sizes.hidden_size, sizes.intermediate_size, sizes.num_attention_heads, sizes.head_dim


@lru_cache(maxsize=65_536)
def _layer_work(text: str, sizes: tuple[int, int, int, int], texts: int, tokens: int) -> MappingProxyType[str, float]:
    hidden, inner, heads, head_dim = sizes
    width, rows = heads * head_dim, texts * tokens
    layer = parse_layer(text)
    inputs = 2 if isinstance(layer, ConvolutionLayer) else len(layer.graph.inputs)
    weights = hidden * width * (inputs + 1) + 2 * hidden * inner
    work = dict.fromkeys(FEATURES, 0.0)
    work |= {"layers": 1, "weights": weights, "multiplied by weights": rows * weights, "normalised": rows * hidden}
    work |= {"projected": rows * width * (inputs + 1), "activated": rows * inner}
    if isinstance(layer, ConvolutionLayer):
        work |= {"convolutions": 1, "gated": rows * width, "convolved": rows * width * layer.kernel_size}
    else:
        work |= _plan_work(layer.plan, texts * heads, tokens, head_dim)
    return MappingProxyType(work)


def _plan_work(plan: Plan, many: int, tokens: int, head_dim: int) -> dict[str, float]:
    """The work of a formula's plan, in each of so many heads of all texts."""
    work: Counter[str] = Counter()
    lengths = {Axis.TOKENS: tokens, Axis.FEATURES: head_dim}
    for step, (rows, columns) in zip(plan.steps, plan.axes, strict=True):
        if isinstance(step, Product):
            fused = len(step.weights)
            work["products"] += 1
            work["fused attentions"] += fused
            work["multiplied"] += many * step.order(tokens, head_dim)[0]
            work["compared"] += fused * many * tokens**2 * head_dim
            work["weighed"] += fused * many * tokens**2
        elif isinstance(step, Apply) and step.operation.name != "transpose":
            reduces = step.operation.reduces
            met = lengths[step.axes[0][reduces[0]]] if len(reduces) == 2 else 1
            work["steps"] += 1
            work[step.operation.name] += many * lengths[rows] * lengths[columns] * met
    # An operation that was registered since is a step as any other.
    return {kind: float(amount) for kind, amount in work.items() if kind in FEATURES}
