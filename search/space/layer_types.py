"""What a space lets each kind of layer be: which numbers it may have, and lines of it, drawn at random."""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.graph import AttentionGraph, FormulaError
from autobert_zero_hf.model.layers import FeedForward, Layer
from autobert_zero_hf.model.mixers import KINDS, Mixer
from autobert_zero_hf.model.origins import NOT_REGISTERED

_WRITTEN = re.compile(r"\s*([a-z_]\w*)\s*(?:\(([^()]*)\))?\s*", re.ASCII)

CONFIG = "config"
"""The feed-forward block of the configuration, in a list of those that a layer may have."""


@dataclass(frozen=True)
class LayerType:
    """A kind of layer, and the numbers that it may have.

    Args:
        kind: the row of the table of kinds.
        choices: for each of its numbers those to draw from.
    """

    kind: type[Mixer]
    choices: Mapping[str, tuple[int, ...]]

    def lines(self, rng: random.Random, graph: AttentionGraph | None) -> Iterator[Mixer]:
        """All that it can be with a formula, or without one where it takes none, in random order."""
        if not self.choices:
            yield self.kind.of({}, graph)
        for name, values in self.choices.items():
            for value in rng.sample(values, len(values)):
                yield self.kind.of({name: value}, graph)

    def sample(self, rng: random.Random, graph: AttentionGraph | None = None) -> Mixer:
        """One with numbers that are drawn evenly.

        Raises:
            FormulaError: if it takes no such formula.
        """
        return self.kind.of({name: rng.choice(values) for name, values in self.choices.items()}, graph)

    def takes(self, formula: str) -> bool:
        """Whether it can be of this formula, or takes none."""
        if not self.kind.takes_formula:
            return True
        try:
            self.kind.of(self.largest, AttentionGraph.parse(formula))
        except FormulaError:
            return False
        return True

    @property
    def largest(self) -> dict[str, int]:
        """The largest of its numbers, by name."""
        return {name: max(values) for name, values in self.choices.items()}

    def rejection(self, mixer: Mixer) -> str | None:
        """Why one of this kind is none of these, in words; None if it is."""
        for number in self.kind.numbers:
            if (value := mixer.values[number.name]) not in (allowed := self.choices[number.name]):
                return f"{number.what} {value} is none of {', '.join(map(str, allowed))}"
        return None


def read_layer_types(written: Sequence[str], kernel_sizes: Sequence[int]) -> dict[str, LayerType]:
    """The layer types of a space, by kind, in the order of the table of kinds.

    Args:
        written: the names of kinds; one that has a number may name those to draw from: "window(8, 16)".
        kernel_sizes: those that kernels are drawn from by themselves.

    Raises:
        ValueError: with all that is wrong.
    """
    found: dict[str, LayerType] = {}
    problems: list[str] = []
    for text in written:
        match = _WRITTEN.fullmatch(text)
        kind = None if match is None else KINDS.get(match[1])
        if kind is None or match is None:
            problems.append(f"unknown layer types {excerpt([text])}; known are {list(KINDS)} ({NOT_REGISTERED})")
        elif kind.kind in found:
            problems.append(f"layer types given more than once: {excerpt([kind.kind])}")
        else:
            try:
                found[kind.kind] = LayerType(kind, _choices(kind, match[2], kernel_sizes))
            except ValueError as error:
                problems.append(str(error))
    if not written:
        problems.append(f"a space needs some layer types, of {list(KINDS)}")
    if problems:
        raise ValueError("; ".join(problems))
    return {name: found[name] for name in KINDS if name in found}


def _choices(kind: type[Mixer], written: str | None, kernel_sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
    if written is None:
        return {number.name: number.choices or tuple(kernel_sizes) for number in kind.numbers}
    if len(kind.numbers) != 1:
        has = "several numbers" if kind.numbers else "no number"
        raise ValueError(f"layer type {kind.kind}({written}): {kind.noun} has {has} to choose, write {kind.kind}")
    (number,) = kind.numbers
    values = [number.read(each.strip()) for each in written.split(",")]
    read = [value for value in values if value is not None]
    if len(read) < len(values) or len(set(read)) < len(read):
        raise ValueError(f"layer type {kind.kind}({written}): {kind.noun} takes {number}, each of them once")
    return {number.name: tuple(sorted(read))}


def read_feed_forward(written: Sequence[str]) -> list[FeedForward | None]:
    """The feed-forward blocks that a layer may have; None is the configuration's.

    Args:
        written: "config", "none", "mlp(512)" and the like.

    Raises:
        ValueError: if one is none of them, or comes twice, or there is none at all.
    """
    found: list[FeedForward | None] = []
    for text in written:
        try:
            block = None if text.strip() == CONFIG else FeedForward.read(text, 0)
        except FormulaError as error:
            raise ValueError(f"feed_forward {excerpt(text)}: give config, mlp(512) and the like, or none") from error
        if block in found:
            raise ValueError(f"feed_forward comes once each, not {excerpt(list(written))}")
        found.append(block)
    if not found:
        raise ValueError("a space needs some feed_forward: config, mlp(512) and the like, or none")
    return found


def mixing(types: Iterable[LayerType]) -> bool:
    """Whether any layer type mixes tokens in any of its forms; those with a formula do."""
    return any(each.kind.takes_formula or each.kind.of(each.largest).mixes_tokens for each in types)


def branches(types: Iterable[LayerType], always: Sequence[Layer], widest: FeedForward | None) -> list[str]:
    """Lines that have, between them, all weights that layers of these types have: one a module.

    Args:
        types: of the space.
        always: layers that come first in any space; the first one's formula uses all inputs.
        widest: the widest feed-forward block; None for the configuration's.
    """
    mixers = [layer.mixer for layer in always]
    for each in types:
        if each.kind.weights and each.kind.module not in {mixer.module for mixer in mixers}:
            mixers.append(each.kind.of(each.largest, mixers[0].graph))
    return [str(Layer(mixer, widest)) for mixer in mixers]
