"""What goes through the layers of an encoder on real text."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .moments import Moments, inputs_watched
from .narrowing import heads_of, last_of_feed_forward, last_of_heads
from .parts import FEED_FORWARD, MIXER, Place, steps
from .teacher import BATCH, Teacher


def moments_of(
    teacher: Teacher, rows: Tensor, layers: Sequence[int], after: Callable[[int], object]
) -> dict[int, dict[Place, Moments]]:
    """The moments of what the last linear layers of mixers and feed-forward blocks take in.

    Args:
        teacher: the encoder.
        rows: (rows, N), real tokens alone.
        layers: which of its layers are watched, from 0.
        after: called with how many rows are done.

    Returns:
        For each layer the moments, by the place that the linear layer belongs to.
    """
    config, modules = teacher.config, dict[tuple[int, Place], nn.Linear]()
    for layer in layers:
        module, (mixer, block) = teacher.layers[layer], steps(config.layers[layer], config.intermediate_size)
        if mixer and heads_of(config, mixer):
            modules[layer, MIXER] = _linear(module, last_of_heads(mixer))
        if block:
            modules[layer, FEED_FORWARD] = _linear(module, last_of_feed_forward(config))
    last, done = teacher.layers[: max(layers, default=-1) + 1], 0
    with inputs_watched(modules) as found, torch.no_grad():
        for batch in rows.split(BATCH):
            teacher.run(last, teacher.embed(batch))
            done += len(batch)
            after(done)
    return {layer: {place: each for (of, place), each in found.items() if of == layer} for layer in layers}


def _linear(module: nn.Module, name: str) -> nn.Linear:
    found = module.get_submodule(name)
    assert isinstance(found, nn.Linear)
    return found
