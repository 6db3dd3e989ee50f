"""The library: for each layer of an encoder, the parts that may stand in its place, and what each of them costs it.

A layer's parts are made from what goes through it on real text, written to a file, and each is then put into the
encoder alone: what the last hidden states lose by that, on held-out text, is the part's loss.

Shapes: N tokens, C hidden size.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import FormulaError, parse_layer
from autobert_zero_hf.model.layers import Layer
from autobert_zero_hf.writing import written_whole

from ..recipe.block_options import PartOptions
from .formulas import Found, find_formulas
from .imitation import imitate
from .moments import Moments, inputs_watched
from .narrowing import fewer_heads, fewer_neurons, heads_of, last_of_feed_forward, last_of_heads
from .parts import (
    FEED_FORWARD,
    MIXER,
    WHOLE,
    Choice,
    Part,
    Place,
    Weights,
    feed_forward_line,
    joined,
    make_layer,
    steps,
)
from .teacher import Teacher, relative_error

_HEADS = (3 / 4, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 12)
_WIDTHS = (3 / 4, 1 / 2, 3 / 8, 1 / 4, 1 / 8, 1 / 16)
_ALONE = (1 / 2, 1 / 4)
"""Of a feed-forward block without a mixer."""
_MULTIPLE = 8
"""Widths are multiples of it, as kernels like them."""
_ROWS_OF_FORMULAS = 32
_BATCH = 16
"""Rows of a forward pass."""


def fewer(whole: int, shares: Iterable[float], multiple: int = 1) -> list[int]:
    """Some shares of a number, each at least one, less than the whole and a multiple of another, the largest first.

    >>> fewer(12, (3 / 4, 1 / 2, 1 / 3, 1 / 100))
    [9, 6, 4, 1]
    """
    counts = {max(multiple, round(share * whole / multiple) * multiple) for share in shares}
    return sorted((count for count in counts if count < whole), reverse=True)


def narrowed_parts(teacher: Teacher, layer: int) -> list[Part]:
    """Those that are a layer's own with fewer heads or neurons.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
    """
    config = teacher.config
    mixer, block = steps(config.layers[layer], config.intermediate_size)
    heads = fewer(heads_of(config, mixer), _HEADS) if mixer else []
    widths = fewer(parse_layer(block).inner(config), _WIDTHS, _MULTIPLE) if block else []
    return [
        *(Part(layer, MIXER, f"heads({count}, {parse_layer(mixer).mixer.graph}) + none") for count in heads),
        *(Part(layer, FEED_FORWARD, feed_forward_line(count)) for count in widths),
    ]


def other_parts(teacher: Teacher, layer: int, options: PartOptions) -> list[Part]:
    """Those that are of another kind, which have to be trained.

    A layer without a mixer is one for both: its feed-forward block makes up for what is missing.

    Args:
        teacher: the encoder.
        layer: the number of the layer, from 0.
        options: which there are.
    """
    config = teacher.config
    mixer, block = steps(config.layers[layer], config.intermediate_size)
    if not mixer or not options.part_steps:
        return []
    lines = [f"conv({size})" for size in options.kernel_sizes]
    if (graph := parse_layer(mixer).mixer.graph) is not None:
        lines += [f"window({reach}, {graph})" for reach in options.windows]
        lines += options.formulas
    known, found = {parse_layer(mixer).mixer.identity}, list[Part]()
    for line in lines:
        read = _read(line)
        if read is not None and read.mixer.identity not in known:
            known.add(read.mixer.identity)
            found.append(Part(layer, MIXER, f"{read.mixer} + none"))
    if block:
        width = parse_layer(block).inner(config)
        found += [Part(layer, WHOLE, feed_forward_line(count)) for count in (width, *fewer(width, _ALONE, _MULTIPLE))]
    return found


def _read(line: str) -> Layer | None:
    """A line; None where a formula is none for a window."""
    try:
        return parse_layer(line)
    except FormulaError:
        return None


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
        options: which parts there are.
    """

    def __init__(self, teacher: Teacher, folder: Path, options: PartOptions):
        self.teacher = teacher
        self.folder = folder
        self.options = options
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
        prefix = f"{part.place}/{part.line}/"
        found = self._file(part.layer)
        return {name.removeprefix(prefix): weight for name, weight in found.items() if name.startswith(prefix)}

    def _file(self, layer: int) -> dict[str, Tensor]:
        """The weights of all parts of a layer, by place, line and name."""
        if layer not in self._loaded:
            file = self.file(layer)
            try:
                self._loaded[layer] = load_file(file)
            except (OSError, SafetensorError) as error:
                raise AutoBertZeroError(
                    f"{file} cannot be read ({error}): restore it, or use another folder"
                ) from error
        return self._loaded[layer]

    def parts(self, layer: int) -> list[Part]:
        """What may stand in the place of a layer: its own steps, nothing, and what was made and became finite."""
        config = self.teacher.config
        mixer, block = steps(config.layers[layer], config.intermediate_size)
        left_out = [(MIXER, mixer), (FEED_FORWARD, block), (WHOLE, "both")]
        return [
            *self.own(layer),
            *(Part(layer, place, line) for place, line in self._made(layer)),
            *(Part(layer, place, "") for place, line in left_out if line),
        ]

    def _made(self, layer: int) -> list[tuple[Place, str]]:
        """The places and lines of the parts in the file of a layer; the larger come first."""
        sizes: Counter[tuple[Any, str]] = Counter()
        for name, weight in self._file(layer).items():
            place, line, _ = name.split("/", 2)
            sizes[place, line] += weight.numel()
        return sorted(sizes, key=lambda part: (part[0], -sizes[part], part[1]))

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

    def add(self, layer: int, moments: Mapping[str, Moments], rows: Tensor, seed: int) -> list[Found]:
        """Make the parts of a layer, and write them.

        Args:
            layer: the number of the layer, from 0.
            moments: what `Watch` gave of it.
            rows: (rows, N), real tokens alone, that parts of another kind learn from.
            seed: of what is random.

        Returns:
            The formulas that were found for the layer, the best first.
        """
        made = self._narrowed(layer, moments)
        found = find_formulas(self.teacher, layer, rows[:_ROWS_OF_FORMULAS], self.options, seed)
        kept = found[: self.options.formulas_kept] if self.options.part_steps else []
        known = other_parts(self.teacher, layer, self.options)
        others = [*known, *(each.part for each in kept if each.part not in known)]
        # A feed-forward block alone begins as the one of its width that stands beside the mixer.
        begun = {part: made[same] for part in others if (same := replace(part, place=FEED_FORWARD)) in made}
        begun |= {each.part: each.weights for each in kept}
        made |= imitate(self.teacher, layer, others, begun, rows, self.options, seed)
        self._loaded[layer] = {
            f"{part.place}/{part.line}/{name}": weight.contiguous()
            for part, weights in made.items()
            for name, weight in weights.items()
        }
        with written_whole(self.file(layer)) as partial:
            save_file(self._loaded[layer], partial)
        return found

    def _narrowed(self, layer: int, moments: Mapping[str, Moments]) -> dict[Part, Weights]:
        config, weights = self.teacher.config, self.teacher.weights(layer)
        heads, widths = list[int](), list[int]()
        for part in narrowed_parts(self.teacher, layer):
            read = parse_layer(part.line)
            if part.place == MIXER:
                heads.append(read.mixer.number_of_heads(config))
            else:
                widths.append(read.inner(config))
        found: dict[Part, Weights] = {}
        if heads:
            fewer_of_them = fewer_heads(config, self.own(layer)[0].line, weights, moments[MIXER], heads)
            found |= {Part(layer, MIXER, line): each for line, each in fewer_of_them.items()}
        if widths:
            narrower = fewer_neurons(config, weights, moments[FEED_FORWARD], widths)
            found |= {Part(layer, FEED_FORWARD, line): each for line, each in narrower.items()}
        return found

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
    for part in library.parts(layer):
        choice: Choice = {MIXER: (part, own[1]), FEED_FORWARD: (own[0], part), WHOLE: (part,)}[part.place]
        loss = 0.0 if part in own else held_out.loss(layer, library.layer(choice))
        if math.isfinite(loss):
            yield part, loss
