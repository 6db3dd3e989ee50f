"""Attention graphs for property tests, drawn in two ways, large ones, and a look at what a graph allocates."""

import random

from autobert_zero_hf.search.space.sampling import sample_graph
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.axes import TypedGraph, infer_axes
from autobert_zero_hf.model.graph import AttentionGraph, FormulaError
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, Axis, operation_names

BRANCHES = (BERT_ATTENTION, "conv(9)")
"""Of a super-net of attentions and convolutions."""


def random_graph(seed: int, max_operations: int = 12) -> TypedGraph:
    """Grown from the inputs, as a search does it; operations turn up about evenly."""
    return infer_axes(sample_graph(random.Random(seed), operation_names(), max_operations))


def random_product(seed: int) -> TypedGraph:
    """Written from the output down, rich in products of products and in softmax of products, as attentions are."""
    rng = random.Random(seed)
    while True:
        try:
            return infer_axes(AttentionGraph.parse(random_formula(rng, TOKENS_BY_FEATURES, rng.randint(2, 6))))
        except FormulaError:  # too large, or an input alone
            continue


_WEIGHTS = {
    "matmul": 8.0, "softmax": 4.0, "transpose": 3.0, "scale": 2.0, "cosine_similarity": 1.0, "neg": 1.0, "add": 1.0,
    "softsign": 0.6, "euclidean_distance": 0.3,
}  # fmt: skip


def random_formula(rng: random.Random, axes: Axes, depth: int) -> str:
    """A formula for a tensor of these axes."""
    tokens, features = TOKENS_BY_FEATURES
    if axes == TOKENS_BY_FEATURES and (depth <= 0 or rng.random() < 0.25):
        return rng.choice("qkv")
    if axes == (features, tokens) and depth <= 0:
        return f"transpose({rng.choice('qkv')})"
    name = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0] if depth > 0 else "matmul"
    # Where it gets deep, the axis between two operands is the one that an input has.
    nearest = features if axes[0] is tokens else tokens
    between = rng.choice(list(Axis)) if depth > 1 else nearest
    if name == "matmul":
        kinds = [(axes[0], between), (between, axes[1])]
    elif name in ("cosine_similarity", "euclidean_distance"):
        kinds = [(axes[0], between), (axes[1], between)]
    elif name == "transpose":
        kinds = [(axes[1], axes[0])]
    else:
        kinds = [axes] * (2 if name == "add" else 1)
    return f"{name}({', '.join(random_formula(rng, each, depth - 1) for each in kinds)})"


_seeds = st.integers(0, 2**32 - 1)
typed_graphs = st.one_of(_seeds.map(random_graph), _seeds.map(random_product))


def _nested(first: str, wrapped: str, times: int) -> str:
    for _ in range(times):
        first = wrapped.replace("X", first)
    return first


_SCALED = _nested("q", "scale(X)", 12)
LARGE = {
    "powers of scores": f"softsign(matmul({_nested('matmul(q, transpose(k))', 'matmul(X, X)', 6)}, v))",
    "powers of a dense matrix": f"softsign(matmul({_nested('euclidean_distance(q, k)', 'matmul(X, X)', 6)}, v))",
    "powers of sums": f"softsign({_nested('add(q, q)', 'matmul(X, matmul(transpose(X), X))', 4)})",
    "scales": f"softsign({_nested(_SCALED, 'matmul(X, matmul(transpose(X), X))', 2)})",
    "sums of sums": f"softsign({_nested('add(q, k)', 'add(X, transpose(transpose(X)))', 5)})",
    "attentions in attentions": (
        f"matmul({_nested('matmul(q, transpose(k))', 'matmul(softmax(matmul(X, X)), matmul(q, transpose(k)))', 4)}, v)"
    ),
    "attentions of attentions": _nested("q", "matmul(softmax(matmul(X, transpose(X))), X)", 3),
}
"""Formulas near the bounds of the language; what they compute grows fast with their nesting, so the last word is a
softsign or a softmax."""


class LargestTensor(TorchDispatchMode):
    """The most numbers that a tensor has that an operation makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, tuple | list) else [out]:
            self.numel = max(self.numel, made.numel() if isinstance(made, Tensor) else 0)
        return out
