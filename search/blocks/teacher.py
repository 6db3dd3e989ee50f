"""The encoder that a faster one is made of: what goes into each of its layers, and what comes out, on real text.

Shapes: B batch, N tokens, C hidden size, L layers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.model.rotary import turns_of

from .parts import Weights, make_layer, steps

BATCH = 16
"""Rows that go through its layers at once."""


class Teacher:
    """An encoder whose layers can be run one by one, and step by step, on rows without padding.

    Args:
        model: the encoder; it is put into evaluation mode, and stays as it is.
    """

    def __init__(self, model: AutoBertZeroModel):
        self.model = model.eval()

    @property
    def config(self) -> AutoBertZeroConfig:
        """The configuration of the encoder."""
        return self.model.config

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The L layers of the encoder."""
        return list(self.model.layers)

    def weights(self, layer: int) -> Weights:
        """The weights of a layer, by their names in it; views."""
        return {name: weight.detach() for name, weight in self.model.layers[layer].named_parameters()}

    def steps(self, layer: int) -> list[nn.Module]:
        """The mixer and the feed-forward block of a layer, each a layer by itself on copies of the weights."""
        lines = steps(self.config.layers[layer], self.config.intermediate_size)
        return [make_layer(self.config, line, self.weights(layer)) for line in lines]

    def embed(self, input_ids: Tensor) -> Tensor:
        """What goes into the first layer: (B, N) -> (B, N, C)."""
        with torch.no_grad():
            embedded: Tensor = self.model.embeddings(input_ids, None, None, None)[0]
        return embedded

    def run(self, layers: Iterable[nn.Module], hidden_states: Tensor) -> Tensor:
        """Hidden states after some layers of such a model: (B, N, C) -> (B, N, C)."""
        context = self._context(hidden_states)
        for layer in layers:
            hidden_states = layer(hidden_states, **context)
        return hidden_states

    def states(self, input_ids: Tensor) -> list[Tensor]:
        """What goes into each layer, and what comes out of the last one: L + 1 times (B, N, C)."""
        found = [self.embed(input_ids)]
        with torch.no_grad():
            for layer in self.layers:
                found.append(self.run([layer], found[-1]))
        return found

    def finish(self, hidden_states: Tensor) -> Tensor:
        """The last hidden states of the encoder, of what comes out of the last layer."""
        finished: Tensor = self.model.final_norm(hidden_states) if self.model.has_final_norm else hidden_states
        return finished

    def _context(self, hidden_states: Tensor) -> Mapping[str, Any]:
        places = torch.arange(hidden_states.shape[1], device=hidden_states.device)[None]
        return {"turns": turns_of(self.config, places, hidden_states.dtype)}


def relative_error(given: Tensor, wanted: Tensor) -> float:
    """The squared differences of hidden states from those that are wanted, as a share of the squares of these."""
    return float((given - wanted).square().sum() / wanted.square().sum())
