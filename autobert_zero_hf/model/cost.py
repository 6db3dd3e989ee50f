"""What a layer costs, counted from its text and the sizes: no tensor is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .block import LEARNED, OF_TABLE
from .blocks import find_block
from .layers import parse_layer
from .weights import multiplications, parameters

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
    block: str = "bert"
    positions: str = LEARNED
    embedding_size: int | None = None

    @property
    def embedding_width(self) -> int:
        """That of the embeddings."""
        return self.hidden_size if self.embedding_size is None else self.embedding_size

    @property
    def has_first_norm(self) -> bool:
        """Whether the mixer of the first layer has a norm."""
        return find_block(self.block).first_norm


Counted: TypeAlias = "AutoBertZeroConfig | BaseSizes"
"""What has the sizes that are counted."""


@dataclass(frozen=True)
class Cost:
    """The cost of a layer, or of the layers of a backbone together; embeddings and heads are not counted.

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
    mixer, inner, block = layer.mixer, layer.inner(config), find_block(config.block)
    parts = [(weight, mixer.lengths) for weight in mixer.own_weights.values()]
    parts += [(weight, {"feed-forward": inner}) for weight in block.feed_forward.values() if inner]
    norms = block.norm_parameters(config) * (int(not mixer.left_out) + int(inner > 0))
    return Cost(
        norms + sum(parameters(weight, config, lengths, block.bias) for weight, lengths in parts),
        mixer.work(config, tokens).operations // tokens
        + sum(multiplications(weight, config, lengths) for weight, lengths in parts),
    )


def embedding_parameters(config: Counted) -> int:
    """How many parameters the embeddings of words, positions and token types have, with norm and projection.

    Args:
        config: of the model.
    """
    positions = config.max_position_embeddings if config.positions in OF_TABLE else 0
    width, hidden = config.embedding_width, config.hidden_size
    projection = 0 if config.embedding_size is None else (width + 1) * hidden
    norm = 2 if find_block(config.block).bias else 1
    return (config.vocab_size + positions + config.type_vocab_size + norm) * width + projection


def model_parameters(config: Counted) -> int:
    """How many parameters an `AutoBertZeroModel` has: embeddings, layers and pooler; heads are not counted.

    Args:
        config: of the model; the length of the sequence plays no part.

    >>> model_parameters(BaseSizes(["conv(9)"] * 2))
    37422552
    """
    layers = sum(layer_cost(text, config, tokens=1).parameters for text in config.layers)
    block = find_block(config.block)
    norms = block.norm_parameters(config) * int(block.final_norm) - missing_norm(config.layers[0], config)
    return embedding_parameters(config) + layers + norms + _pooler_parameters(config)


def masked_lm_parameters(config: Counted) -> int:
    """How many parameters an `AutoBertZeroForMaskedLM` has: embeddings, layers and head.

    Args:
        config: of the model; the length of the sequence plays no part.
    """
    # Instead of the pooler the head: a linear, a norm, and a bias for each word, whose embeddings the decoder has.
    bias = int(find_block(config.block).bias)
    head = (config.hidden_size + 1 + 2 * bias) * config.embedding_width
    return model_parameters(config) - _pooler_parameters(config) + head + config.vocab_size


def _pooler_parameters(config: Counted) -> int:
    return 0 if find_block(config.block).transforms else (config.hidden_size + 1) * config.hidden_size


def missing_norm(text: str, config: Counted) -> int:
    """The parameters of a norm that `layer_cost` counts, and that the layer lacks where it is the first one.

    Args:
        text: the first layer.
        config: of the model.
    """
    lacks = not config.has_first_norm and not parse_layer(text).mixer.left_out
    return find_block(config.block).norm_parameters(config) if lacks else 0
