"""Parts that are a layer's own with fewer heads or neurons: found and fitted in closed form, without any training.

The norms are the layer's own, and are not among the weights of a part.
"""

from collections.abc import Iterable

from torch import Tensor

from autobert_zero_hf.model import AutoBertZeroConfig, parse_layer
from autobert_zero_hf.model.block import find_block
from autobert_zero_hf.model.layer_formula import GlobalFormula
from autobert_zero_hf.model.layers import FeedForward, Heads, Layer
from autobert_zero_hf.model.mixers import Mixer
from autobert_zero_hf.model.weights import HIDDEN, INNER, Linear

from .moments import Moments
from .parts import Weights, feed_forward_line
from .pruning import Pruned, prune


def heads_of(config: AutoBertZeroConfig, line: str) -> int:
    """How many heads of a mixer can be taken out one by one; 0 where it has none, or they belong together.

    Args:
        config: of the source.
        line: of the step.
    """
    mixer = parse_layer(line).mixer
    return mixer.number_of_heads(config) if isinstance(mixer, GlobalFormula) else 0


def last_of_heads(line: str) -> str:
    """The name of the linear layer that takes the heads, in a layer of this line."""
    mixer = parse_layer(line).mixer
    return f"{mixer.module}.{giving(mixer)}"


def giving(mixer: Mixer) -> str:
    """The name of the linear layer that gives what a mixer adds to the hidden states."""
    (name,) = (name for name, each in mixer.own_weights.items() if isinstance(each, Linear) and each.out == HIDDEN)
    return name


def fewer_heads(
    config: AutoBertZeroConfig, line: str, weights: Weights, moments: Moments, wanted: Iterable[int]
) -> dict[str, dict[str, Tensor]]:
    """A mixer with fewer heads: those that matter least are taken out, and the last linear layer makes up for them.

    Args:
        config: of the source.
        line: of the step.
        weights: of the layer.
        moments: of what `last_of_heads` takes in.
        wanted: the numbers of heads, below the layer's own.

    Returns:
        By its line, the weights of each.
    """
    mixer = parse_layer(line).mixer
    assert isinstance(mixer, GlobalFormula)
    last, ending, found = last_of_heads(line), giving(mixer), {}
    pruned = _pruned(weights, last, moments, config.head_dim, wanted)
    inside = [name for name in mixer.own_weights if name != ending]
    for count, each in pruned.items():
        narrow = Heads.of({"heads": count}, mixer.graph)
        new = _last(each, f"{narrow.module}.{ending}")
        for name in inside:
            new |= _rows(weights, f"{mixer.module}.{name}", f"{narrow.module}.{name}", each.columns)
        found[str(Layer(narrow, FeedForward(0)))] = new
    return found


def last_of_feed_forward(config: AutoBertZeroConfig) -> str:
    """The name of the linear layer that takes the neurons of a feed-forward block, in a layer."""
    (name,) = (name for name, each in find_block(config.block).feed_forward.items() if each.into == INNER)
    return f"mlp.{name}"


def fewer_neurons(
    config: AutoBertZeroConfig, weights: Weights, moments: Moments, wanted: Iterable[int]
) -> dict[str, dict[str, Tensor]]:
    """A feed-forward block with fewer neurons: those that matter least are taken out, and the others make up for them.

    Args:
        config: of the source.
        weights: of the layer.
        moments: of what `last_of_feed_forward` takes in.
        wanted: the numbers of neurons, below the layer's own.

    Returns:
        By its line, the weights of each.
    """
    last, found = last_of_feed_forward(config), {}
    inside = [name for name, each in find_block(config.block).feed_forward.items() if each.out == INNER]
    for count, each in _pruned(weights, last, moments, 1, wanted).items():
        new = _last(each, last)
        for name in inside:
            new |= _rows(weights, f"mlp.{name}", f"mlp.{name}", each.columns)
        found[feed_forward_line(count)] = new
    return found


def _pruned(weights: Weights, last: str, moments: Moments, group: int, wanted: Iterable[int]) -> dict[int, Pruned]:
    return prune(weights[f"{last}.weight"], weights.get(f"{last}.bias"), moments, group, wanted)


def _last(pruned: Pruned, name: str) -> dict[str, Tensor]:
    bias = {} if pruned.bias is None else {f"{name}.bias": pruned.bias}
    return {f"{name}.weight": pruned.weight, **bias}


def _rows(weights: Weights, name: str, new_name: str, rows: Tensor) -> dict[str, Tensor]:
    """A linear layer with some of its outputs."""
    ends = [end for end in ("weight", "bias") if f"{name}.{end}" in weights]
    return {f"{new_name}.{end}": weights[f"{name}.{end}"][rows] for end in ends}
