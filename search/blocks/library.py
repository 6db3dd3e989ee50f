"""The library: for each layer of an encoder, the parts that may stand in its place, and what each of them costs it.

A layer's parts are made from what goes through it on real text, written to a file, and each is then put into the
encoder alone: what the last hidden states lose by that, on held-out text, is the part's loss.

Shapes: N tokens, C hidden size.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.writing import written_whole

from .moments import Moments, inputs_watched
from .narrowing import fewer_heads, fewer_neurons, heads_of, last_of_feed_forward, last_of_heads
from .parts import FEED_FORWARD, MIXER, WHOLE, Choice, Part, Weights, feed_forward_line, joined, make_layer, steps
from .teacher import Teacher, relative_error

_HEADS = (3 / 4, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 12)
_WIDTHS = (3 / 4, 1 / 2, 3 / 8, 1 / 4, 1 / 8, 1 / 16)
_MULTIPLE = 8
"""Widths are multiples of it, as kernels like them."""
_BATCH = 16
"""Rows of a forward pass."""


def fewer(whole: int, shares: Iterable[float], multiple: int = 1) -> list[int]:
    """Some shares of a number, each at least one, less than the whole and a multiple of another, the largest first.

    >>> fewer(12, (3 / 4, 1 / 2, 1 / 3, 1 / 100))
    [9, 6, 4, 1]
    """
    counts = {max(multiple, round(share * whole / multiple) * multiple) for share in shares}
    return sorted((count for count in counts if count < whole), reverse=True)


def parts_of(teacher: Teacher, layer: int) -> list[Part]:
    """What may stand in the place of a layer, its own mixer and feed-forward block among it.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
    """
    config = teacher.config
    mixer, feed_forward = steps(config.layers[layer], config.intermediate_size)
    found = [Part(layer, MIXER, mixer)]
    if mixer:
        mixers = (f"heads({count}, " for count in fewer(heads_of(config, mixer), _HEADS))
        graph = parse_layer(mixer).mixer.graph
        found += [Part(layer, MIXER, f"{head}{graph}) + none") for head in mixers]
        found.append(Part(layer, MIXER, ""))
    found.append(Part(layer, FEED_FORWARD, feed_forward))
    if feed_forward:
        width = parse_layer(feed_forward).inner(config)
        found += [Part(layer, FEED_FORWARD, feed_forward_line(count)) for count in fewer(width, _WIDTHS, _MULTIPLE)]
        found.append(Part(layer, FEED_FORWARD, ""))
    found.append(Part(layer, WHOLE, ""))
    return found


def choices_of(parts: Sequence[Part]) -> list[Choice]:
    """What a layer may become of its parts: each mixer with each feed-forward block, and each part for both.

    The layer that is left out is there once.
    """
    mixers, blocks, wholes = ([part for part in parts if part.place == place] for place in (MIXER, FEED_FORWARD, WHOLE))
    pairs = [(mixer, block) for mixer in mixers for block in blocks if mixer.line or block.line]
    return [*pairs, *((whole,) for whole in wholes)]


class Library:
    """The parts of all layers, in files of a folder.

    Args:
        teacher: the encoder.
        folder: of the files, a file a layer.
    """

    def __init__(self, teacher: Teacher, folder: Path):
        self.teacher = teacher
        self.folder = folder
        self._loaded: dict[int, dict[str, Tensor]] = {}

    def file(self, layer: int) -> Path:
        """Where the parts of a layer lie."""
        return self.folder / f"layer-{layer + 1:03d}.safetensors"

    def weights(self, part: Part) -> Weights:
        """Those of a part that the layer does not have itself, by their names in a layer; views.

        Raises:
            AutoBertZeroError: if the file of its layer is not there, or damaged.
        """
        if not part.line or part in self.own(part.layer):
            return {}
        if part.layer not in self._loaded:
            file = self.file(part.layer)
            try:
                self._loaded[part.layer] = load_file(file)
            except (OSError, SafetensorError) as error:
                raise AutoBertZeroError(
                    f"{file} cannot be read ({error}): restore it, or use another folder"
                ) from error
        prefix = f"{part.place}/{part.line}/"
        found = self._loaded[part.layer]
        return {name.removeprefix(prefix): weight for name, weight in found.items() if name.startswith(prefix)}

    def own(self, layer: int) -> tuple[Part, Part]:
        """The mixer and the feed-forward block that a layer has."""
        config = self.teacher.config
        mixer, block = steps(config.layers[layer], config.intermediate_size)
        return Part(layer, MIXER, mixer), Part(layer, FEED_FORWARD, block)

    def layer(self, choice: Choice) -> nn.Module:
        """A layer by itself of what was chosen for it."""
        weights = dict(self.teacher.weights(choice[0].layer))  # with its norms
        for part in choice:
            weights.update(self.weights(part))
        return make_layer(self.teacher.config, joined(choice), weights)

    def add(self, layer: int, moments: Mapping[str, Moments]) -> str:
        """Make the parts of a layer, and write them.

        Args:
            layer: the number of the layer, from 0.
            moments: what `Watch` gave of it.

        Returns:
            The digest of the file.
        """
        teacher, config = self.teacher, self.teacher.config
        weights, made = teacher.weights(layer), dict[tuple[str, str], Mapping[str, Tensor]]()
        mixer = self.own(layer)[0].line
        counts: dict[str, list[int]] = {MIXER: [], FEED_FORWARD: []}
        for part in parts_of(teacher, layer):
            if part.line and part not in self.own(layer):
                read = parse_layer(part.line)
                counts[part.place].append(read.mixer.values["heads"] if part.place == MIXER else read.inner(config))
        if counts[MIXER]:
            found = fewer_heads(config, mixer, weights, moments[MIXER], counts[MIXER])
            made |= {(MIXER, line): each for line, each in found.items()}
        if counts[FEED_FORWARD]:
            found = fewer_neurons(config, weights, moments[FEED_FORWARD], counts[FEED_FORWARD])
            made |= {(FEED_FORWARD, line): each for line, each in found.items()}
        self._loaded[layer] = {
            f"{place}/{line}/{name}": weight.contiguous()
            for (place, line), each in made.items()
            for name, weight in each.items()
        }
        with written_whole(self.file(layer)) as partial:
            save_file(self._loaded[layer], partial)
        return self.digest(layer)

    def digest(self, layer: int) -> str:
        """Of the file of a layer; empty where there is none."""
        file = self.file(layer)
        if not file.exists():
            return ""
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()[:16]


class Watch:
    """What goes through the layers of an encoder on real text, for the parts that are made of it.

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
                modules[layer, MIXER] = module.get_submodule(last_of_heads(mixer))
            if block:
                modules[layer, FEED_FORWARD] = module.get_submodule(last_of_feed_forward(config))
        last = self.teacher.layers[: max(layers, default=-1) + 1]
        with inputs_watched(modules) as found, torch.no_grad():
            for done in range(0, len(self.rows), _BATCH):
                batch = self.rows[done : done + _BATCH]
                self.teacher.run(last, self.teacher.embed(batch))
                after(min(len(self.rows), done + _BATCH))
        return {layer: {place: each for (of, place), each in found.items() if of == layer} for layer in layers}


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
        parts = [self.teacher.states(batch) for batch in self.rows.split(_BATCH)]
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
        given = [self.teacher.finish(self.teacher.run(layers, batch)) for batch in hidden_states.split(_BATCH)]
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
    for part in parts_of(library.teacher, layer):
        choice: Choice = {MIXER: (part, own[1]), FEED_FORWARD: (own[0], part), WHOLE: (part,)}[part.place]
        loss = 0.0 if part in own else held_out.loss(layer, library.layer(choice))
        if math.isfinite(loss):
            yield part, loss
