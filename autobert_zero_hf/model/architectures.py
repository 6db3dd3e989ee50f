"""Published backbones as data."""

from .bounds import MAX_LAYERS
from .excerpts import excerpt

BERT_ATTENTION = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
"""Scaled dot-product attention (Vaswani et al. 2017), a line of a backbone."""

# softmax(q · Aᵀ / sqrt(d)) · B, from the architecture figure of the paper (arXiv 2107.07445). The figure draws
# softplus(k) as neg(transpose(logsigmoid(neg(k)))), and writes "sqrt" for the scale on k in layers 10 and 12.
AUTOBERT_ZERO = (
    "conv(65)",
    "matmul(softmax(scale(matmul(q, neg(transpose(logsigmoid(neg(k))))))), add(q, k))",
    "conv(9)",
    "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(add(logsigmoid(q), add(q, k)))))))), q)",
    "conv(3)",
    "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(k)))))), q)",
    "conv(7)",
    "matmul(softmax(scale(matmul(q, transpose(neg(logsigmoid(k)))))), q)",
    "conv(7)",
    "matmul(softmax(scale(matmul(q, transpose(add(scale(k), add(softsign(scale(softsign(k))), v)))))), v)",
    "conv(3)",
    "matmul(softmax(scale(matmul(q, transpose(add(scale(k), v))))), v)",
)
"""The base model of the paper: convolutions and attentions in turn, the attentions different in depth."""

ARCHITECTURES = ("autobert-zero", "bert")


def architecture(name: str, num_hidden_layers: int = 12) -> list[str]:
    """The layers of a published backbone.

    Args:
        name: "autobert-zero" or "bert".
        num_hidden_layers: at another number than 12 autobert-zero is stretched or shrunk by its six pairs of a
            convolution and an attention: of n pairs, pair i is pair floor(6 i / n) of the six.

    Raises:
        ValueError: for another name, or more than 1,024 layers.

    >>> architecture("bert", 1)
    ['matmul(softmax(scale(matmul(q, transpose(k)))), v)']
    >>> [line for line in architecture("autobert-zero") if line.startswith("conv")]
    ['conv(65)', 'conv(9)', 'conv(3)', 'conv(7)', 'conv(7)', 'conv(3)']
    """
    if num_hidden_layers > MAX_LAYERS:
        raise ValueError(f"{excerpt(num_hidden_layers)} layers are too many, a backbone has {MAX_LAYERS:,} at most")
    if name == "bert":
        return [BERT_ATTENTION] * num_hidden_layers
    if name == "autobert-zero":
        pairs = len(AUTOBERT_ZERO) // 2
        wanted = (num_hidden_layers + 1) // 2
        chosen = [2 * (i * pairs // wanted) for i in range(wanted)]
        layers = [AUTOBERT_ZERO[first + half] for first in chosen for half in (0, 1)]
        return layers[:num_hidden_layers]
    raise ValueError(f"unknown architecture {excerpt(name)}: known are {', '.join(ARCHITECTURES)}")
