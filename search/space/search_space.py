"""What can be found."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from autobert_zero_hf.model import AttentionLayer, parse_layer
from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.backbone import MAX_KERNEL_SIZE, Layer
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.graph import INPUTS, MAX_DEPTH, MAX_OPERATIONS, AttentionGraph, FormulaError
from autobert_zero_hf.model.operations import PAPER_OPERATIONS, operation_names
from autobert_zero_hf.model.origins import NOT_REGISTERED

from .candidate import Candidate
from .sampling import Weights, sample_graph
from .sizes import Sizes, SizesSpace

ATTENTION, CONVOLUTION = "attention", "convolution"
LAYER_TYPES = (ATTENTION, CONVOLUTION)


@dataclass(frozen=True)
class SearchSpace:
    """Backbones of convolutions and attentions; the two levels of AutoBERT-Zero (arXiv 2107.07445).

    With `sizes`, a candidate has its own: a third level, the one of AutoTinyBERT (2021.acl-long.400).

    Args:
        num_layers: the layers of a backbone; with `sizes`, of the deepest one.
        kernel_sizes: the kernels that a convolution may have.
        operations: the operations that an attention may use.
        max_operations: the operations that an attention has at most.
        max_depth: how many of them stand inside one another at most.
        inputs: those of q, k and v that an attention may use.
        layer_types: "attention", "convolution" or both.
        shared_attention: whether all attention layers of a backbone have the same formula.
        sizes: those that a candidate may have; None where all have the same, and no sizes of their own.

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

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise ValueError("; ".join(problems))
        if ATTENTION in self.layer_types:
            self.sample_attention(random.Random(0))

    def _problems(self) -> Iterable[str]:
        yield from _misnamed("operations", self.operations, operation_names())
        yield from _misnamed("inputs", self.inputs, INPUTS)
        yield from _misnamed("layer types", self.layer_types, LAYER_TYPES)
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
        elif set(self.layer_types) == {CONVOLUTION} and max(kernels) == 1:
            yield "convolutions of kernel size 1 alone do not mix tokens"

    def accepts(self, graph: AttentionGraph) -> bool:
        """Whether a formula belongs to the space: legal, of known operations and inputs, within the bounds."""
        return self._graph_objection(graph) is None

    def objection(self, candidate: Candidate) -> str | None:
        """Why a candidate does not belong to the space, in words; None if it does."""
        if (reason := self._sizes_objection(candidate)) is not None:
            return reason
        for number, text in enumerate(candidate.layers, 1):
            try:
                reason = self._layer_objection(parse_layer(text))
            except FormulaError as illegal:
                reason = illegal.reason
            if reason is not None:
                return f"layer {number}, {text}: {reason}"
        if self.shared_attention and len(set(candidate.graphs.values())) > 1:
            return "the attention layers have different formulas, but the space has one for all"
        return None if candidate.mixes_tokens else "no layer mixes tokens"

    def _sizes_objection(self, candidate: Candidate) -> str | None:
        if self.sizes is not None:
            return "it has no sizes" if candidate.sizes is None else self.sizes.objection(candidate.sizes)
        if candidate.sizes is not None:
            return "it has sizes of its own, but all of the space have the same"
        if len(candidate.layers) != self.num_layers:
            return f"{len(candidate.layers)} layers, not {self.num_layers}"
        return None

    def _layer_objection(self, layer: Layer) -> str | None:
        layer_type = ATTENTION if isinstance(layer, AttentionLayer) else CONVOLUTION
        if layer_type not in self.layer_types:
            return f"the space has no {layer_type} layers"
        if isinstance(layer, AttentionLayer):
            return self._graph_objection(layer.graph)
        if layer.kernel_size not in self.kernel_sizes:
            return f"kernel size {layer.kernel_size} is none of {', '.join(map(str, self.kernel_sizes))}"
        return None

    def _graph_objection(self, graph: AttentionGraph) -> str | None:
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
        """A random backbone: each layer's type is drawn evenly, and its sizes, where it has its own.

        Args:
            rng: the source of chance.
            attention: what every attention computes; random ones by default.
        """
        sizes = None if self.sizes is None else self.sizes.sample(rng)
        depth = self.num_layers if sizes is None else sizes.num_hidden_layers
        while True:
            candidate = Candidate(self._grow((), depth, attention, rng), sizes=sizes)
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

    def _grow(self, layers: Sequence[str], depth: int, attention: str | None, rng: random.Random) -> tuple[str, ...]:
        """Random layers on top of these; what every new attention computes, if that is given."""
        grown = list(layers)
        while len(grown) < depth:
            if self._draw_convolution(rng):
                grown.append(self.sample_convolution(rng))
            else:
                grown.append(attention or self.sample_attention(rng))
                attention = grown[-1] if self.shared_attention else attention
        return tuple(grown)

    def _draw_convolution(self, rng: random.Random) -> bool:
        return rng.random() < 0.5 if len(self.layer_types) > 1 else CONVOLUTION in self.layer_types

    def sample_convolution(self, rng: random.Random) -> str:
        """A convolution with a random kernel."""
        return f"conv({rng.choice(self.kernel_sizes)})"

    def sample_attention(self, rng: random.Random, weights: Weights | None = None) -> str:
        """A random attention that mixes tokens; its operations are drawn evenly, or by these weights."""
        graph = sample_graph(
            rng, self.operations, self.max_operations, weights, inputs=self.inputs, max_depth=self.max_depth
        )
        return str(graph)


def _misnamed(what: str, names: Sequence[str], known: Sequence[str]) -> Iterable[str]:
    if unknown := sorted(set(names).difference(known)):
        how = f" ({NOT_REGISTERED})" if what == "operations" else ""
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
