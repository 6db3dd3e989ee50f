"""What may stand in the place of a layer's mixer, of its feed-forward block, or of both: parts, and layers of them.

A layer is two steps: its mixer, with a norm and a residual connection, and then its feed-forward block, with the same.
Each step is a layer by itself, of a line such as ``conv(9) + none`` or ``none + mlp(512)``; what may stand in its place
is another such layer, or nothing. So the alternatives of a layer are those of its steps, multiplied, while the work is
their sum (Puzzle, Bercovich et al., 2025, arXiv 2411.19146, section 3).

Shapes: B batch, N tokens, C hidden size.
"""

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from transformers.initialization import no_init_weights

from autobert_zero_hf.model import AutoBertZeroConfig, parse_layer
from autobert_zero_hf.model.block import MIXER_NORM
from autobert_zero_hf.model.layers import FeedForward, Layer, NoMixer
from autobert_zero_hf.model.modeling_autobert_zero import AutoBertZeroLayer

Place = Literal["mixer", "feed-forward", "layer"]
MIXER: Place = "mixer"
FEED_FORWARD: Place = "feed-forward"
WHOLE: Place = "layer"

Weights = Mapping[str, Tensor]
"""Of a layer, by their names in it."""


@dataclass(frozen=True)
class Part:
    """What stands in a place of a layer.

    Args:
        layer: the number of the source's layer, from 0.
        place: what it stands for there.
        line: of the layer that it is by itself; empty where nothing stands there.
    """

    layer: int
    place: Place
    line: str

    def __str__(self) -> str:
        return f"layer {self.layer + 1}, {self.place}: {self.line or 'left out'}"


Choice = tuple[Part, ...]
"""What a layer becomes: a mixer and a feed-forward block, or one part for both."""


def steps(line: str, intermediate_size: int) -> tuple[str, str]:
    """The lines of a layer's two steps; empty for one that it lacks.

    Args:
        line: of the layer.
        intermediate_size: of the configuration.

    >>> steps("conv(9)", 64)
    ('conv(9) + none', 'none + mlp(64)')
    >>> steps("none + mlp(32)", 64)
    ('', 'none + mlp(32)')
    """
    layer = parse_layer(line)
    width = intermediate_size if layer.feed_forward is None else layer.feed_forward.width
    mixer = "" if layer.mixer.left_out else str(Layer(layer.mixer, FeedForward(0)))
    return mixer, feed_forward_line(width) if width else ""


def feed_forward_line(width: int) -> str:
    """The line of a feed-forward block by itself."""
    return str(Layer(NoMixer(), FeedForward(width)))


def joined(choice: Choice) -> str:
    """The line of the layer that a choice makes; empty where nothing is left of it.

    >>> joined((Part(0, "mixer", "conv(9) + none"), Part(0, "feed-forward", "none + mlp(32)")))
    'conv(9) + mlp(32)'
    """
    if len(choice) == 1 or not choice[1].line:
        return choice[0].line
    if not choice[0].line:
        return choice[1].line
    return str(Layer(parse_layer(choice[0].line).mixer, parse_layer(choice[1].line).feed_forward))


def with_layers(config: AutoBertZeroConfig, layers: Sequence[str]) -> AutoBertZeroConfig:
    """The configuration of a model of other layers."""
    changed = deepcopy(config)
    changed.update({"layers": list(layers), "num_hidden_layers": len(layers)})
    return changed


def make_layer(config: AutoBertZeroConfig, line: str, weights: Weights) -> nn.Module:
    """A layer by itself, in evaluation mode, on copies of its weights; the identity, for an empty line.

    Args:
        config: of the source; its layers do not count.
        line: of the layer.
        weights: those of the layer; others are left alone.
    """
    if not line:
        return Left()
    one = copy(config)
    one.layers = [line]
    one.first_norm = f"{MIXER_NORM}.weight" in weights
    with no_init_weights():
        layer = AutoBertZeroLayer(one, 0)
    own = {name: weights[name].detach().clone() for name, _ in layer.named_parameters()}
    layer.load_state_dict(own, assign=True)
    return layer.eval().requires_grad_(True)


class Left(nn.Module):
    """A layer, or a step of one, that is left out."""

    def forward(self, hidden_states: Tensor, *args: object, **kwargs: object) -> Tensor:  # noqa: ARG002
        """The hidden states, (B, N, C), as they are."""
        return hidden_states
