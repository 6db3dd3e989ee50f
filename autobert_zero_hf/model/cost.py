"""What a layer costs, counted from its text and the sizes: no tensor is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .backbone import ConvolutionLayer, Layer, parse_layer
from .lowering import Apply, Plan, Product
from .operations import Axis

if TYPE_CHECKING:
    from .configuration_autobert_zero import AutoBertZeroConfig


@dataclass(frozen=True)
class BaseSizes:
    """The sizes of BERT-base, which a configuration has that names no others; torch is not needed to count them."""

    layers: Sequence[str]
    hidden_size: int = 768
    intermediate_size: int = 3072
    num_attention_heads: int = 12
    head_dim: int = 64
    vocab_size: int = 30522
    max_position_embeddings: int = 512
    type_vocab_size: int = 2


Counted: TypeAlias = "AutoBertZeroConfig | BaseSizes"
"""What has the sizes that are counted."""


@dataclass(frozen=True)
class Cost:
    """Of a layer, or of the layers of a backbone together; embeddings and heads are not counted.

    Args:
        parameters: how many there are.
        operations: of a token; a multiplication with an addition is one.
    """

    parameters: int = 0
    operations: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.parameters + other.parameters, self.operations + other.operations)


def layer_cost(text: str, config: Counted, tokens: int) -> Cost:
    """What a layer costs: its attention or convolution, its feed-forward block, its norms.

    Args:
        text: the layer, as in a configuration.
        config: the sizes; its own layers do not count.
        tokens: N, the length of the sequence; attention costs more on longer ones.

    >>> layer_cost("conv(9)", BaseSizes([]), tokens=128)
    Cost(parameters=6497388, operations=6494976)
    """
    layer = parse_layer(text)
    hidden, inner = config.hidden_size, config.intermediate_size
    width = config.num_attention_heads * config.head_dim
    if isinstance(layer, ConvolutionLayer):
        linear = [(hidden, 2 * width), (width, hidden)]
        kernels = config.num_attention_heads * layer.kernel_size
    else:
        linear = [(hidden, width)] * len(layer.graph.inputs) + [(width, hidden)]
        kernels = 0
    linear += [(hidden, inner), (inner, hidden)]
    multiplied = sum(into * out for into, out in linear)
    norms = 2 * 2 * hidden
    return Cost(
        multiplied + sum(out for _, out in linear) + kernels + norms,
        multiplied + mixer_operations(layer, tokens, config.num_attention_heads, config.head_dim),
    )


def embedding_parameters(config: Counted) -> int:
    """How many parameters the embeddings of words, positions and token types have, with their norm.

    Args:
        config: of the model.
    """
    return (config.vocab_size + config.max_position_embeddings + config.type_vocab_size + 2) * config.hidden_size


def model_parameters(config: Counted) -> int:
    """How many parameters an `AutoBertZeroModel` has: embeddings, layers and pooler; heads are not counted.

    Args:
        config: of the model; the length of the sequence plays no part.

    >>> model_parameters(BaseSizes(["conv(9)"] * 2))
    37422552
    """
    hidden = config.hidden_size
    layers = sum(layer_cost(text, config, tokens=1).parameters for text in config.layers)
    return embedding_parameters(config) + layers + (hidden + 1) * hidden


def masked_lm_parameters(config: Counted) -> int:
    """How many parameters an `AutoBertZeroForMaskedLM` has: embeddings, layers and head.

    Args:
        config: of the model; the length of the sequence plays no part.
    """
    # Instead of the pooler the head: a linear, a norm, and a bias for each word, whose embeddings the decoder has.
    return model_parameters(config) + 2 * config.hidden_size + config.vocab_size


def mixer_operations(layer: Layer, tokens: int, num_heads: int, head_size: int) -> int:
    """The operations a token of a layer's graph or convolution, without the linear layers around it.

    A product or comparison counts a multiplication and addition for each pair of numbers that meet, as one operation;
    anything else one operation for each number that it gives. Graphs are counted as their plans run them.

    Args:
        layer: the layer.
        tokens: N, the length of the sequence; attention costs more on longer ones.
        num_heads: H.
        head_size: D.
    """
    if isinstance(layer, ConvolutionLayer):
        return layer.kernel_size * num_heads * head_size
    return num_heads * _plan_operations(layer.plan, tokens, head_size) // tokens


def _plan_operations(plan: Plan, tokens: int, head_size: int) -> int:
    sizes = {Axis.TOKENS: tokens, Axis.FEATURES: head_size}
    total = 0
    for step, (rows, columns) in zip(plan.steps, plan.axes, strict=True):
        if isinstance(step, Product):
            total += step.order(tokens, head_size)[0]
            # Of an attention that is the product with the value; the kernel does scores, scale and softmax besides.
            total += sum(tokens**2 * (head_size + bool(weights.scales) + 1) for weights in step.weights)
            total += sum(tokens * head_size * weights.negated for weights in step.weights)
        elif isinstance(step, Apply) and step.operation.name != "transpose":
            reduces = step.operation.reduces
            met = sizes[step.axes[0][reduces[0]]] if len(reduces) == 2 else 1
            total += sizes[rows] * sizes[columns] * met
    return total
