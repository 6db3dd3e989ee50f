"""The library: for each layer of an encoder, the parts that may stand in its place, and what each of them costs it.

A layer's parts are made from what goes through it on real text, written to a file, and each is then put into the
encoder alone: what the last hidden states lose by that, on held-out text, is the part's loss.

Shapes: N tokens, C hidden size.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from autobert_zero_hf.data.contents import digest_of_file
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import FormulaError, parse_layer
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.layers import FeedForward, Layer, Window
from autobert_zero_hf.writing import written_whole

from ..recipe.block_options import PartOptions
from .formulas import Found, find_formulas
from .imitation import imitate
from .moments import Moments
from .narrowing import fewer_heads, fewer_neurons, heads_of
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
from .teacher import Teacher

_HEADS = (5 / 6, 3 / 4, 2 / 3, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 12)
_WIDTHS = (7 / 8, 3 / 4, 5 / 8, 1 / 2, 3 / 8, 1 / 4, 1 / 8, 1 / 16)
_ALONE = (1 / 2, 1 / 4)
"""Of a feed-forward block without a mixer."""
_MULTIPLE = 8
"""Widths are multiples of it, as kernels like them."""
_ROWS_OF_FORMULAS = 32
"""Rows that formulas are fitted to and scored on."""


def fewer(whole: int, shares: Iterable[float], multiple: int = 1) -> list[int]:
    """Some shares of a number, each at least one, less than the whole and a multiple of another, the largest first.

    >>> fewer(12, (3 / 4, 1 / 2, 1 / 3, 1 / 100))
    [9, 6, 4, 1]
    """
    counts = {max(multiple, round(share * whole / multiple) * multiple) for share in shares}
    return sorted((count for count in counts if count < whole), reverse=True)


def narrowed_parts(teacher: Teacher, layer: int) -> list[Part]:
    """The parts that are a layer's own with fewer heads or neurons.

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
    """The parts of a layer that are of another kind, and have to be trained.

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
    own = parse_layer(mixer).mixer
    lines = [f"conv({size})" for size in options.kernel_sizes]
    if own.graph is not None:
        lines += [f"window({reach}, {own.graph})" for reach in options.windows if _fits_window(own.graph)]
        lines += options.formulas
    known, found = {own.identity}, list[Part]()
    for read in map(parse_layer, lines):
        if read.mixer.identity not in known:
            known.add(read.mixer.identity)
            found.append(Part(layer, MIXER, str(Layer(read.mixer, FeedForward(0)))))
    if block:
        width = parse_layer(block).inner(config)
        found += [Part(layer, WHOLE, feed_forward_line(count)) for count in (width, *fewer(width, _ALONE, _MULTIPLE))]
    return found


def parts_before_training(teacher: Teacher, layer: int, options: PartOptions) -> list[Part]:
    """All that may stand in the place of a layer, as far as it is known before anything is made."""
    config = teacher.config
    mixer, block = steps(config.layers[layer], config.intermediate_size)
    own = [Part(layer, MIXER, mixer), Part(layer, FEED_FORWARD, block)]
    return [*own, *narrowed_parts(teacher, layer), *other_parts(teacher, layer, options), *left_out(teacher, layer)]


def left_out(teacher: Teacher, layer: int) -> list[Part]:
    """Nothing in the place of a layer's mixer, of its feed-forward block, or of both."""
    config = teacher.config
    mixer, block = steps(config.layers[layer], config.intermediate_size)
    places = [(MIXER, mixer), (FEED_FORWARD, block), (WHOLE, "both")]
    return [Part(layer, place, "") for place, line in places if line]


def _fits_window(graph: AttentionGraph) -> bool:
    """Whether a formula has a meaning within a window: one that sums over tokens outside of attentions has none."""
    try:
        Window.of({"reach": 1}, graph)
    except FormulaError:
        return False
    return True


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
        """The file that the parts of a layer lie in."""
        return self.folder / f"layer-{layer + 1:03d}.safetensors"

    def weights(self, part: Part) -> Weights:
        """The weights of a part that the layer does not have itself, by their names in a layer; views.

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
        made = (Part(layer, place, line) for place, line in self._made(layer))
        return [*self.own(layer), *made, *left_out(self.teacher, layer)]

    def _made(self, layer: int) -> list[tuple[Place, str]]:
        """The places and lines of the parts in the file of a layer; the larger come first."""
        sizes: Counter[tuple[Any, str]] = Counter()
        for name, weight in self._file(layer).items():
            place, line, _ = name.split("/", 2)
            sizes[place, line] += weight.numel()
        return sorted(sizes, key=lambda part: (part[0], -sizes[part], part[1]))

    def forget(self) -> None:
        """Have the files be read anew: another process may have written some."""
        self._loaded.clear()

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

    def add(self, layer: int, moments: Mapping[Place, Moments], rows: Tensor, seed: int) -> list[Found]:
        """Make the parts of a layer, and write them.

        Args:
            layer: the number of the layer, from 0.
            moments: what `moments_of` gave of it.
            rows: (rows, N), real tokens alone, that parts of another kind learn from.
            seed: of what is random.

        Returns:
            The formulas that were found for the layer, the best first.
        """
        made = self._narrowed(layer, moments)
        found = find_formulas(self.teacher, layer, rows[:_ROWS_OF_FORMULAS], self.options, seed)
        kept = found[: self.options.formulas_kept]
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

    def _narrowed(self, layer: int, moments: Mapping[Place, Moments]) -> dict[Part, Weights]:
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
        """The digest of the file of a layer; empty where there is none."""
        file = self.file(layer)
        return digest_of_file(file) if file.exists() else ""
