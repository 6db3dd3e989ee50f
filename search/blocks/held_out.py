"""What alternatives and assemblies are chosen by: the error of the last hidden states on held-out text."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from .library import Library
from .parts import FEED_FORWARD, MIXER, WHOLE, Choice, Part
from .teacher import BATCH, Teacher, relative_error


class HeldOut:
    """Held-out rows, and what the encoder makes of them layer by layer: what swaps and assemblies are judged by.

    Args:
        teacher: the encoder.
        rows: (rows, N), real tokens alone.
    """

    def __init__(self, teacher: Teacher, rows: Tensor):
        self.teacher = teacher
        self.rows = rows

    @cached_property
    def states(self) -> list[Tensor]:
        """What goes into each layer, and what comes out of the last one."""
        parts = [self.teacher.states(batch) for batch in self.rows.split(BATCH)]
        return [torch.cat(each) for each in zip(*parts, strict=True)]

    @cached_property
    def wanted(self) -> Tensor:
        """The last hidden states, (rows, N, C)."""
        with torch.no_grad():
            return self.teacher.finish(self.states[-1])

    def loss(self, layer: int, module: nn.Module) -> float:
        """The error of the last hidden states where a module alone stands in the place of a layer."""
        return self._error([module, *self.teacher.layers[layer + 1 :]], self.states[layer])

    def error(self, layers: Iterable[nn.Module]) -> float:
        """The error of the last hidden states where these layers stand in the place of all."""
        return self._error(list(layers), self.states[0])

    @torch.no_grad()
    def _error(self, layers: Sequence[nn.Module], hidden_states: Tensor) -> float:
        given = [self.teacher.finish(self.teacher.run(layers, batch)) for batch in hidden_states.split(BATCH)]
        return relative_error(torch.cat(given), self.wanted)


def losses_of(library: Library, held_out: HeldOut, layer: int) -> Iterator[tuple[Part, float]]:
    """The loss of each part of a layer where it alone is swapped in; none where it is the layer's own.

    A part whose loss is not finite is left out.

    Args:
        library: has the parts of the layer.
        held_out: what they are judged by.
        layer: its number, from 0.
    """
    own = library.own(layer)
    for part in library.parts(layer):
        choice: Choice = {MIXER: (part, own[1]), FEED_FORWARD: (own[0], part), WHOLE: (part,)}[part.place]
        loss = 0.0 if part in own else held_out.loss(layer, library.layer(choice))
        if math.isfinite(loss):
            yield part, loss
