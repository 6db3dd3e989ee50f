"""What can be found."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.blocks import BLOCKS
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.graph import INPUTS, MAX_DEPTH, MAX_OPERATIONS, AttentionGraph, FormulaError
from autobert_zero_hf.model.layer_conv import MAX_KERNEL_SIZE
from autobert_zero_hf.model.layers import FeedForward, Layer
from autobert_zero_hf.model.operations import PAPER_OPERATIONS, operation_names
from autobert_zero_hf.model.origins import NOT_REGISTERED

from .candidate import Candidate
from .layer_types import CONFIG, LayerType, branches, mixing, read_feed_forward, read_layer_types
from .sampling import Weights, sample_graph
from .sizes import Sizes, SizesSpace
from .steering import STEERED, Steering

ATTENTION, CONVOLUTION = "attention", "convolution"
LAYER_TYPES = (ATTENTION, CONVOLUTION)
"""Those of AutoBERT-Zero."""
_TRIES = 1000
"""Random formulas that a kind may refuse."""


@dataclass(frozen=True)
class SearchSpace:
    """Backbones of convolutions, attentions and other kinds; the two levels of AutoBERT-Zero (arXiv 2107.07445).

    With `sizes`, a candidate has its own: a third level, the one of AutoTinyBERT (2021.acl-long.400).

    Args:
        num_layers: the layers of a backbone; with `sizes`, of the deepest one.
        kernel_sizes: the kernels that a convolution may have.
        operations: the operations that an attention may use.
        max_operations: the operations that an attention has at most.
        max_depth: how many of them stand inside one another at most.
        inputs: those of q, k and v that an attention may use.
        layer_types: the kinds of layers, by name. One with a number may name those to draw from: "window(8, 16)";
            kernels are drawn from the kernel sizes.
        shared_attention: whether all attention layers of a backbone have the same formula.
        sizes: those that a candidate may have; None where all have the same, and no sizes of their own.
        feed_forward: the feed-forward blocks that a layer may have: "config", that of the sizes; "mlp(512)" and the
            like, one of its own; "none".
        blocks: those that a candidate may have around its mixers, by name; none where all have the same.
        steering: what somebody wants besides; its forbidden names are out of the space.

    Raises:
        ValueError: with everything that is wrong, if a value is not known or out of range, or nothing could be sampled.
    """

    num_layers: int
    kernel_sizes: tuple[int, ...] = (3, 5, 7, 9, 15, 31, 65)
    operations: tuple[str, ...] = PAPER_OPERATIONS
    max_operations: int = 10
    max_depth: int = MAX_DEPTH
    inputs: tuple[str, ...] = INPUTS
    layer_types: tuple[str, ...] = LAYER_TYPES
    shared_attention: bool = False
    sizes: SizesSpace | None = None
    feed_forward: tuple[str, ...] = (CONFIG,)
    blocks: tuple[str, ...] = ()
    steering: Steering | None = None

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))
        for each in self.types.values():
            if each.kind.takes_formula:
                self.sample_layer(each, random.Random(0))

    @cached_property
    def types(self) -> dict[str, LayerType]:
        """The layer types by kind, in the order of the table of kinds."""
        return read_layer_types(self.layer_types, self.kernel_sizes)

    @cached_property
    def feed_forwards(self) -> list[FeedForward | None]:
        """The feed-forward blocks that a layer may have; None is that of the sizes."""
        return read_feed_forward(self.feed_forward)

    def branches(self, inner: int) -> list[str]:
        """Lines that have, between them, all weights of the space's layers: standard attention, convolution, others.

        Args:
            inner: the width of the configuration's feed-forward blocks.
        """
        always = [parse_layer(BERT_ATTENTION), parse_layer(f"conv({max(self.kernel_sizes)})")]
        widest = max((block for block in self.feed_forwards if block), key=lambda block: block.width, default=None)
        return branches(self.types.values(), always, widest if widest and widest.width > inner else None)

    def _problems(self) -> Iterable[str]:
        yield from _misnamed("operations", self.operations, operation_names())
        yield from _misnamed("inputs", self.inputs, INPUTS)
        if self.blocks:
            yield from _misnamed("blocks", self.blocks, list(BLOCKS))
        if self.num_layers < 1:
            yield f"a space needs at least one layer, not {self.num_layers}"
        if self.sizes is not None and (most := self.sizes.largest.num_hidden_layers) != self.num_layers:
            yield f"{self.num_layers} layers, but sizes of up to {most}"
        for name, value, largest in (
            ("max_operations", self.max_operations, MAX_OPERATIONS),
            ("max_depth", self.max_depth, MAX_DEPTH),
        ):
            if not 1 <= value <= largest:
                yield f"{name} is from 1 to {largest}, not {value}"
        kernels = self.kernel_sizes
        if not kernels or any(not 1 <= size <= MAX_KERNEL_SIZE or size % 2 == 0 for size in kernels):
            yield f"kernel sizes are odd numbers from 1 to {MAX_KERNEL_SIZE}, not {excerpt(list(kernels))}"
        elif len(set(kernels)) < len(kernels):
            yield f"kernel sizes come once each, not {excerpt(list(kernels))}"
        else:
            try:
                self.feed_forwards  # noqa: B018  # they check themselves
                if not mixing(self.types.values()):
                    sized = (
                        f" of kernel size {max(kernels)}" if any(each.choices for each in self.types.values()) else ""
                    )
                    yield f"layers of {' and '.join(self.types)}{sized} alone do not mix tokens"
            except ValueError as error:
                yield str(error)

    def accepts(self, graph: AttentionGraph) -> bool:
        """Whether a formula belongs to the space: legal, of known operations and inputs, within the bounds."""
        return self._graph_rejection(graph) is None

    def rejection(self, candidate: Candidate) -> str | None:
        """Why a candidate does not belong to the space, in words; None if it does."""
        if (reason := self._sizes_rejection(candidate)) is not None:
            return reason
        if candidate.block not in (self.blocks or (None,)):
            return f"its block is {candidate.block or 'none of its own'}, of {', '.join(self.blocks) or 'no other one'}"
        for number, text in enumerate(candidate.layers, 1):
            try:
                reason = self._layer_rejection(parse_layer(text))
            except FormulaError as illegal:
                reason = illegal.reason
            if reason is not None:
                return f"layer {number}, {text}: {reason}"
        if self.steering is not None and (reason := self.steering.rejection(candidate.layers)) is not None:
            return reason
        if self.shared_attention and len(set(candidate.graphs.values())) > 1:
            return "the attention layers have different formulas, but the space has one for all"
        return None if candidate.mixes_tokens else "no layer mixes tokens"

    def _sizes_rejection(self, candidate: Candidate) -> str | None:
        if self.sizes is not None:
            return "it has no sizes" if candidate.sizes is None else self.sizes.rejection(candidate.sizes)
        if candidate.sizes is not None:
            return "it has sizes of its own, but all of the space have the same"
        if len(candidate.layers) != self.num_layers:
            return f"{len(candidate.layers)} layers, not {self.num_layers}"
        return None

    def _layer_rejection(self, layer: Layer) -> str | None:
        mixer = layer.mixer
        if (layer_type := self.types.get(mixer.kind)) is None:
            return f"the space has no {mixer.kind} layers"
        if layer.feed_forward not in self.feed_forwards:
            return f"the space has no feed-forward block {layer.feed_forward or 'of the sizes'}"
        if mixer.graph is not None and (reason := self._graph_rejection(mixer.graph)) is not None:
            return reason
        return layer_type.rejection(mixer)

    def _graph_rejection(self, graph: AttentionGraph) -> str | None:
        names = {node.name for node in graph.operations}
        if not names:
            return "no operation"
        if foreign := sorted(names.difference(self.operations)):
            return f"the space does not have {', '.join(foreign)}"
        if foreign := sorted(set(graph.inputs).difference(self.inputs)):
            return f"the space does not have the input {' and '.join(foreign)}"
        if len(graph.operations) > self.max_operations:
            return f"{len(graph.operations)} operations, at most {self.max_operations}"
        if (depth := _depth(graph)) > self.max_depth:
            return f"{depth} operations inside one another, at most {self.max_depth}"
        try:
            infer_axes(graph)
        except FormulaError as illegal:
            return illegal.reason
        return None

    def sample(self, rng: random.Random, attention: str | None = None) -> Candidate:
        """A random backbone: each layer's type is drawn evenly, its numbers too, and sizes where it has its own.

        Args:
            rng: the source of chance.
            attention: what every attention computes; random ones by default.
        """
        sizes = None if self.sizes is None else self.sizes.sample(rng)
        depth = self.num_layers if sizes is None else sizes.num_hidden_layers
        block = rng.choice(self.blocks) if self.blocks else None
        while True:
            candidate = Candidate(self._grow((), depth, attention, rng), sizes=sizes, block=block)
            # What does not mix has kernels of 1 alone, or the given attention; what does turns up before long.
            if attention or candidate.mixes_tokens:
                return candidate

    def resized(self, candidate: Candidate, sizes: Sizes, rng: random.Random) -> Candidate:
        """The candidate in other sizes; without its top layers where they have fewer, with random ones where more.

        It may not belong to the space: the layers that are left may not mix tokens.
        """
        depth = sizes.num_hidden_layers
        shared = next(map(str, candidate.graphs.values()), None) if self.shared_attention else None
        layers = self._grow(candidate.layers[:depth], depth, shared, rng)
        return replace(candidate, layers=layers, sizes=sizes)

    def steered(self, steering: Steering | None) -> "SearchSpace":
        """This space under another steering.

        Raises:
            ValueError: if nothing is left, or a pinned line is none of it.
        """
        if steering is None:
            return replace(self, steering=None)
        forbidden = steering.forbidden
        kinds = [each for each in self.layer_types if each.partition("(")[0].strip() not in forbidden]
        operations = [each for each in self.operations if each not in forbidden]
        space = replace(self, operations=tuple(operations), layer_types=tuple(kinds), steering=steering)
        for place, line in steering.pinned.items():
            if place >= self.num_layers:
                raise ValueError(f"there is no layer {place + 1}, but {self.num_layers}")
            if (reason := space._layer_rejection(parse_layer(line))) is not None:
                raise ValueError(f"layer {place + 1} cannot be {line}: {reason}")
            if self.shared_attention and parse_layer(line).mixer.graph is not None:
                raise ValueError(f"layer {place + 1} cannot be {line}: all attentions have the same formula here")
        if len(steering.pinned) == self.num_layers:
            raise ValueError(f"all {self.num_layers} layers have a pin: leave one to be searched")
        return space

    def weighted(self, weights: Weights | None) -> Weights | None:
        """The weights that operations are drawn by here, by themselves those that are given."""
        return self.steering.weighted(self.operations, weights) if self.steering else weights

    def conforming(self, candidate: Candidate, rng: random.Random) -> Candidate:
        """The candidate where the search keeps to something that it does not: with the pinned layers, and with random
        ones for those that are forbidden.
        """
        if self.steering is None:
            return candidate
        lines = list[str]()
        for place, line in enumerate(candidate.layers):
            if place in self.steering.pinned:
                lines.append(self.steering.pinned[place])
            elif self._layer_rejection(parse_layer(line)) is None:
                lines.append(line)
            else:
                graphs = (parse_layer(each).mixer.graph for each in lines if self.shared_attention)
                shared = next((str(graph) for graph in graphs if graph is not None), None)
                lines = list(self._grow(lines, place + 1, shared, rng))
        if tuple(lines) == candidate.layers:
            return candidate
        return replace(candidate, layers=tuple(lines), origin=", ".join(filter(None, (candidate.origin, STEERED))))

    def _grow(self, layers: Sequence[str], depth: int, attention: str | None, rng: random.Random) -> tuple[str, ...]:
        """Random layers on top of these; what every new attention computes, if that is given."""
        grown = list(layers)
        pinned = self.steering.pinned if self.steering else {}
        while len(grown) < depth:
            if len(grown) in pinned:
                grown.append(pinned[len(grown)])
                continue
            types = [each for each in self.types.values() if attention is None or each.takes(attention)]
            drawn = types[int(rng.random() * len(types))] if len(types) > 1 else types[0]
            layer = self.sample_layer(drawn, rng, attention)
            if self.shared_attention and layer.mixer.graph is not None:
                attention = str(layer.mixer.graph)
            grown.append(str(layer))
        return tuple(grown)

    def sample_layer(
        self,
        layer_type: LayerType,
        rng: random.Random,
        attention: str | None = None,
        weights: Weights | None = None,
    ) -> Layer:
        """A random layer of a type.

        Args:
            layer_type: one of the space's.
            rng: the source of chance.
            attention: its formula, if it takes one; a random one by default.
            weights: those of operations.

        Raises:
            ValueError: if it takes no such formula, or none turns up that it takes.
        """
        if attention or not layer_type.kind.takes_formula:
            graph = AttentionGraph.parse(attention) if attention and layer_type.kind.takes_formula else None
            return Layer(layer_type.sample(rng, graph), self._sample_feed_forward(rng, layer_type))
        for _ in range(_TRIES):
            formula = self.sample_attention(rng, weights)
            with contextlib.suppress(FormulaError):
                mixer = layer_type.sample(rng, AttentionGraph.parse(formula))
                return Layer(mixer, self._sample_feed_forward(rng, layer_type))
        raise ValueError(
            f"no formula for {layer_type.kind.noun} turned up among {_TRIES:,} random ones of "
            f"{', '.join(self.operations)}"
        )

    def _sample_feed_forward(self, rng: random.Random, layer_type: LayerType) -> FeedForward | None:
        blocks = [b for b in self.feed_forwards if not (layer_type.kind.left_out and b is not None and not b.width)]
        return rng.choice(blocks) if len(blocks) > 1 else blocks[0]

    def sample_attention(self, rng: random.Random, weights: Weights | None = None) -> str:
        """A random attention that mixes tokens; its operations are drawn evenly, or by these weights."""
        weights = self.weighted(None) if weights is None else weights
        graph = sample_graph(
            rng, self.operations, self.max_operations, weights, inputs=self.inputs, max_depth=self.max_depth
        )
        return str(graph)


def _misnamed(what: str, names: Sequence[str], known: Sequence[str]) -> Iterable[str]:
    if unknown := sorted(set(names).difference(known)):
        how = f" ({NOT_REGISTERED})" if what in ("operations", "blocks") else ""
        yield f"unknown {what} {excerpt(unknown)}; known are {list(known)}{how}"
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        yield f"{what} given more than once: {excerpt(repeated)}"
    if not names:
        yield f"a space needs some {what}, of {list(known)}"


def _depth(graph: AttentionGraph) -> int:
    """How many operations stand inside one another."""
    depths: list[int] = []
    for node in graph.nodes:
        depths.append(1 + max((depths[o] for o in node.operands), default=-1))
    return depths[-1]
