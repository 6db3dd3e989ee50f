"""What goes through the layers of an encoder on real text."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .moments import Moments, inputs_watched
from .narrowing import heads_of, last_of_feed_forward, last_of_heads
from .parts import FEED_FORWARD, MIXER, steps
from .teacher import Teacher

_BATCH = 16
"""Rows of a forward pass."""


class Watch:
    """Watches what the last linear layers of mixers and feed-forward blocks take in, for the parts made of these.

    Args:
        teacher: the encoder.
        rows: (rows, N), real tokens alone.
    """

    def __init__(self, teacher: Teacher, rows: Tensor):
        self.teacher = teacher
        self.rows = rows

    def moments(self, layers: Sequence[int], after: Callable[[int], object]) -> dict[int, dict[str, Moments]]:
        """Of the inputs of the last linear layers, of each layer: by the place that they belong to.

        Args:
            layers: which ones, from 0.
            after: is told how many rows are done.
        """
        config, modules = self.teacher.config, dict[tuple[int, str], nn.Linear]()
        for layer in layers:
            module, (mixer, block) = self.teacher.layers[layer], steps(config.layers[layer], config.intermediate_size)
            if mixer and heads_of(config, mixer):
                modules[layer, MIXER] = _linear(module, last_of_heads(mixer))
            if block:
                modules[layer, FEED_FORWARD] = _linear(module, last_of_feed_forward(config))
        last = self.teacher.layers[: max(layers, default=-1) + 1]
        with inputs_watched(modules) as found, torch.no_grad():
            for done in range(0, len(self.rows), _BATCH):
                batch = self.rows[done : done + _BATCH]
                self.teacher.run(last, self.teacher.embed(batch))
                after(min(len(self.rows), done + _BATCH))
        return {layer: {place: each for (of, place), each in found.items() if of == layer} for layer in layers}


def _linear(module: nn.Module, name: str) -> nn.Linear:
    found = module.get_submodule(name)
    assert isinstance(found, nn.Linear)
    return found
