"""What the latency of a backbone is predicted from: counts of the work that its forward pass does, by kind."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.blocks import find_block
from autobert_zero_hf.model.operations import NORMALISED_ROWS, operation_names
from autobert_zero_hf.model.weights import multiplications

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


def count_work(layers: Sequence[str], sizes: Sizes, texts: int, tokens: int, block: str = "bert") -> list[float]:
    """The work of a forward pass, a number for each of `FEATURES`.

    Args:
        layers: the backbone.
        sizes: its sizes.
        texts: B, of a forward pass.
        tokens: N, of a text.
        block: the name of the configuration's block.
    """
    total = dict.fromkeys(FEATURES, 0.0)
    total["pass"] = 1.0
    rows, width = texts * tokens, sizes.embedding_size or sizes.hidden_size
    total["embedded"] = float(rows * width)
    if sizes.embedding_size is not None:
        total["weights"] = float(width * sizes.hidden_size)
        total["multiplied by weights"] = float(rows * width * sizes.hidden_size)
    one_layer = replace(sizes, num_hidden_layers=1)
    for text in layers:
        for kind, amount in _layer_work(text, one_layer, block, texts, tokens).items():
            total[kind] += amount
    return list(total.values())


@lru_cache(maxsize=65_536)
def _layer_work(text: str, sizes: Sizes, block: str, texts: int, tokens: int) -> MappingProxyType[str, float]:
    rows = texts * tokens
    layer = parse_layer(text)
    mixer, inner = layer.mixer, layer.inner(sizes)
    mixing = sum(multiplications(weight, sizes, mixer.lengths) for weight in mixer.own_weights.values())
    feed_forward = find_block(block).feed_forward.values()
    weights = mixing + sum(multiplications(each, sizes, {"feed-forward": inner}) for each in feed_forward)
    work = dict.fromkeys(FEATURES, 0.0)
    work |= {"layers": 1, "weights": weights, "multiplied by weights": rows * weights}
    work |= {"normalised": rows * sizes.hidden_size, "activated": rows * inner}
    # Numbers that linear layers of the mixer give, and the last of them takes.
    work |= {"projected": rows * mixing / sizes.hidden_size}
    mixed = mixer.work(sizes, tokens)
    # An operation that was registered since is a step as any other.
    work |= {kind: float(many) for kind, many in mixed.calls.items() if kind in work}
    work |= {kind: float(texts * many) for kind, many in mixed.numbers.items() if kind in work}
    return MappingProxyType(work)
