"""Parts of another kind than a layer's own: each is trained alone to give what its step of the layer gives.

They begin with what is trained already: another formula with the layer's projections, a convolution with its values, a
layer without a mixer with its feed-forward block. All parts of a layer learn from the same activations, which the
encoder's layers below give, and which are forgotten after each step (blockwise local distillation, Puzzle, Bercovich et
al., 2025, arXiv 2411.19146, section 3.2).

Shapes: B rows, N tokens, C hidden size.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroConfig, parse_layer
from autobert_zero_hf.model.weights import KERNEL
from autobert_zero_hf.training.replayable.loop import learning_rate_at, make_optimizer, set_learning_rate

from .parts import FEED_FORWARD, MIXER, WHOLE, Part, Weights, joined, make_layer
from .teacher import Teacher

_ROWS = 8
_RATE = 1e-3


def first_weights(config: AutoBertZeroConfig, line: str, own: Weights, seed: int) -> dict[str, Tensor]:
    """What a part begins with: the layer's own weights where it has them, by name and shape, else small random ones.

    A convolution begins with the layer's values as what passes its gates, which are half open, and an even kernel.

    Args:
        config: of the encoder.
        line: of the part.
        own: the weights of the layer.
        seed: of what is random.
    """
    mixer = parse_layer(line).mixer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = make_empty(config, line)
        weights = {name: weight.detach() for name, weight in layer.named_parameters()}
    for name, weight in weights.items():
        if name in own and own[name].shape == weight.shape:
            weights[name] = own[name]
    return _from_attention(mixer, own, weights)
