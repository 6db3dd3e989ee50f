"""The table of layer kinds: what a line of a backbone may mix tokens with, a row a kind.

A row is a class, in a file of its own (`layer_*.py`), whose instances are lines that were read: `conv(9)` is
``Convolution(9)``. It says how a line is written, what it computes, which weights it has, what it costs and how it is
drawn; all else in this package asks the row. A new kind is a subclass of `Mixer`, made known by `register`.

Rows need no torch: what a kind computes is imported when a model is made.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from .axes import TypedGraph, infer_axes
from .canonical import identity
from .excerpts import excerpt
from .graph import INPUTS, AttentionGraph, FormulaError
from .lowering import Plan
from .operations import release, reserve
from .registry import Registry
from .weights import HIDDEN, Linear, Weight
from .work import Work

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .texts import Texts


@dataclass(frozen=True)
class Number:
    """A whole number between the parentheses of a line.

    Args:
        name: of the field that holds it.
        what: it is, in words.
        highest: the largest one; the smallest is 1.
        odd: whether it is odd.
        choices: those that a search draws from by itself; none for the kernel sizes of the search's space.
    """

    name: str
    what: str
    highest: int
    odd: bool = False
    choices: tuple[int, ...] = ()

    def read(self, written: str) -> int | None:
        """The number that is written; None if it is none, or out of its range."""
        number = int(written) if re.fullmatch(r"[0-9]{1,9}", written) else 0
        return number if 1 <= number <= self.highest and not (self.odd and number % 2 == 0) else None

    def __str__(self) -> str:
        return f"{'an odd' if self.odd else 'a'} {self.what} from 1 to {self.highest}"


@dataclass(frozen=True)
class Mixer(ABC):
    """A line of a backbone, without its feed-forward block: a row of the table, and one of its instances.

    A subclass is a frozen dataclass whose fields are its `numbers`, in order, and then `formula`, with its axes, if it
    takes one.

    Attributes:
        word: what its lines begin with.
        kind: its name, in search spaces, pictures and reports.
        noun: its name in a sentence: "a convolution".
        example: a line of it.
        about: a sentence on it, in Markdown, for readers of a model card.
        layer_type: the nearest of transformers' words, `ALLOWED_ATTN_LAYER_TYPES`.
        colour: of its boxes in pictures.
        module: the name of its module in a layer, and so in the names of weights.
        weights: all weights that one may have, by their names in the module.
        numbers: what stands between the parentheses.
        takes_formula: whether a formula follows these.
        left_out: whether a layer has no module and no norm of it.
        local: whether a token sees a window of tokens, and rotary positions may have a base of their own.
    """

    word: ClassVar[str]
    kind: ClassVar[str]
    noun: ClassVar[str]
    example: ClassVar[str]
    about: ClassVar[str]
    layer_type: ClassVar[str] = "conv"
    colour: ClassVar[str] = "#fde8d0"
    module: ClassVar[str]
    weights: ClassVar[Mapping[str, Weight]] = {}
    numbers: ClassVar[tuple[Number, ...]] = ()
    takes_formula: ClassVar[bool] = False
    left_out: ClassVar[bool] = False
    local: ClassVar[bool] = False

    @classmethod
    def of(cls, numbers: Mapping[str, int], graph: AttentionGraph | None = None) -> Self:
        """One with these numbers, and this formula if it takes one.

        Raises:
            FormulaError: if the formula is not legal, or none for this kind.
        """
        values: list[Any] = [numbers[number.name] for number in cls.numbers]
        made = cls(*values, *([infer_axes(graph)] if cls.takes_formula and graph is not None else []))
        if (problem := made.problem()) is not None:
            raise problem
        return made

    @property
    def values(self) -> dict[str, int]:
        """The numbers between the parentheses, by name."""
        return {number.name: getattr(self, number.name) for number in self.numbers}

    def __str__(self) -> str:
        return self._written(str)

    @property
    def identity(self) -> str:
        """A text that is the same for lines that compute the same function."""
        return self._written(identity)

    def _written(self, write: Callable[[AttentionGraph], str]) -> str:
        inside = [*map(str, self.values.values()), *([write(self.graph)] if self.graph is not None else [])]
        return f"{self.word}({', '.join(inside)})" if inside else self.word

    @property
    def turns(self) -> bool:
        """Whether rotary positions are of use to it: whether it compares queries with keys."""
        return False

    @property
    def typed(self) -> TypedGraph | None:
        """The formula with the axes of each operation; None for a kind without."""
        return None

    @property
    def graph(self) -> AttentionGraph | None:
        """The formula; None for a kind without."""
        return None if self.typed is None else self.typed.graph

    @property
    def plan(self) -> Plan | None:
        """What the formula runs as, unless it runs as it is written; None for a kind without."""
        return None

    @property
    def score_weights(self) -> tuple[str, str] | None:
        """The names of the linear layers of q and k, if it weighs all tokens by their product; else None."""
        return None

    @property
    def runs_as(self) -> str:
        """How the line is computed, in a word."""
        return self.kind

    def problem(self) -> FormulaError | None:
        """What is wrong with one whose parts are legal by themselves."""
        return None

    @property
    @abstractmethod
    def mixes_tokens(self) -> bool:
        """Whether a token's output can depend on other tokens."""

    @property
    def own_weights(self) -> Mapping[str, Weight]:
        """The weights, of all in `weights`, that a module of this line has, in the order in which they are made."""
        return self.weights

    @property
    def lengths(self) -> Mapping[str, int]:
        """The lengths of axes that the line says itself, by the names of factors in `weights`."""
        return {}

    def number_of_heads(self, sizes: Any) -> int:
        """H, of a layer of this line.

        Args:
            sizes: what has the sizes of a configuration as attributes.
        """
        heads: int = sizes.num_attention_heads
        return heads

    def taken_over(self, other: "Mixer", weights: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """What a module of this line can begin with where a trained layer has another mixer.

        By default the weights of the same names and shapes; what is not given begins with random numbers.

        Args:
            other: the mixer that the layer has.
            weights: those of its module, by their names in it.
        """
        if self.module != other.module:
            return {}
        return {name: weight for name, weight in weights.items() if name.rpartition(".")[0] in self.own_weights}

    @abstractmethod
    def work(self, sizes: Any, tokens: int) -> Work:
        """The work on one text, but for linear layers, which follow from the weights.

        Args:
            sizes: what has the sizes of a configuration as attributes.
            tokens: N, the length of the text.
        """

    @property
    def fuses(self) -> bool:
        """Whether the line wants the mask in the form that attention kernels take."""
        return False

    @property
    def takes_pairs(self) -> bool:
        """Whether a pairwise mask, (B, 1 or H, N, N), has a meaning for it."""
        return True

    def no_pairs(self, reason: str) -> FormulaError:
        """The error to raise where it was given a pairwise mask that it does not take; shows the place.

        Args:
            reason: begins the message.
        """
        return FormulaError(f"{reason}: {_UNSEEN}", str(self))

    def needs_matrix(self) -> bool:
        """Whether the line makes a matrix of tokens x tokens that no attention kernel spares it."""
        return False

    @abstractmethod
    def latex(self, write: Callable[[AttentionGraph], str]) -> str:
        """The line in LaTeX's mathematics mode, where X are the hidden states; `write` writes a formula."""

    def module_class(self) -> "type[nn.Module] | None":
        """The class of its modules, made as `AutoBertZeroMixer` is: of the configuration, this and the layer's number.

        By default, None, it is `AutoBertZeroMixer` itself, whose modules have the weights as attributes, and run `mix`.
        Modules whose forward pass gives a tuple give their attention weights second.
        """
        return None

    def mix(self, module: Any, hidden_states: "Tensor", mask: "Tensor | None") -> "Tensor":
        """What a module computes, if it has no class of its own.

        Args:
            module: has the weights.
            hidden_states: (B, N, C).
            mask: bool; (B, N), true where a token is real, or a pairwise mask, (B or 1, H or 1, N, N), true where the
                row's token may see the column's; None if nothing is hidden. What is hidden must not be seen.

        Returns:
            (B, N, C).
        """
        raise NotImplementedError(f"{type(self).__name__} has neither `module_class` nor `mix`")

    def mix_texts(self, module: Any, hidden_states: "Tensor", texts: "Texts") -> "Tensor":
        """What `mix` computes, of the real tokens of all texts side by side: (1, T, C) -> (1, T, C).

        By default bucket by bucket; a kind whose linear layers take much of the time runs these on all tokens at once.

        Args:
            module: has the weights.
            hidden_states: (1, T, C).
            texts: where the texts stand.
        """
        return texts.each(lambda bucket, own: self.mix(module, own, bucket.mask), hidden_states)


Kind = TypeVar("Kind", bound=type[Mixer])

_UNSEEN = "this sums over tokens for no token in particular; give a mask of shape (batch, tokens)"

KINDS: Registry[type[Mixer]] = Registry("layer kind")

_NAME = r"[a-z_][a-z0-9_]*"
_MEANT = r"\s*{0}(?:\d*\s*$|\s+[\d\s]*(?:$|[^\w\s])|[^\w\s])"


def register(kind: Kind) -> Kind:
    """Add a kind to the table; a decorator of its class.

    Raises:
        ValueError: if its name or its word is not free, if another kind has weights of the same name and module with
            other axes, or if it does not say what its modules compute.
    """
    if not kind.left_out and kind.mix is Mixer.mix and kind.module_class is Mixer.module_class:
        raise ValueError(f"{KINDS.what} {kind.kind!r} computes nothing: give it a method `mix` or `module_class`")
    if kind.word and not re.fullmatch(_NAME, kind.word, re.ASCII):
        raise ValueError(f"{kind.word!r} cannot begin a line")
    if not re.fullmatch(_NAME, kind.kind, re.ASCII):  # as search spaces read it
        raise ValueError(f"{kind.kind!r} cannot name a {KINDS.what}: take small letters, digits and underscores")
    if kind.word in INPUTS:
        raise ValueError(f"the word {kind.word!r} means something else already")
    known = all_weights()
    for name, weight in kind.weights.items():
        if known.get(place := f"{kind.module}.{name}", weight) != weight:
            raise ValueError(f"{place} has other axes in another kind: give the module of {kind.kind!r} its own name")
    KINDS.add(kind.kind, kind)
    try:
        reserve(kind.word)
    except ValueError:
        KINDS.remove(kind.kind)
        raise
    return kind


def unregister(name: str) -> None:
    """Take a kind out of the table."""
    release(KINDS.remove(name).word)


def words() -> tuple[str, ...]:
    """What lines begin with that are no formulas."""
    return tuple(kind.word for kind in KINDS.values() if kind.word)


def all_weights() -> dict[str, Weight]:
    """The weights of all kinds, by module and name: "attention.q_proj"."""
    return {f"{kind.module}.{name}": weight for kind in KINDS.values() for name, weight in kind.weights.items()}


def readers() -> list[str]:
    """The names of the linear layers through which mixers read the hidden states: what adapters adapt by default."""
    weights = (pair for kind in KINDS.values() for pair in kind.weights.items())
    return list(dict.fromkeys(name for name, each in weights if isinstance(each, Linear) and each.into == HIDDEN))


def read_mixer(text: str) -> Mixer:
    """Read a line of a backbone, without its feed-forward block.

    Raises:
        FormulaError: for a line that is not legal.
    """
    formula = next(kind for kind in KINDS.values() if not kind.word)
    for kind in KINDS.values():
        if kind.word and re.match(_MEANT.format(kind.word), text, re.IGNORECASE):
            return _read(kind, text)
    return formula.of({}, _read_formula(text))


def _read_formula(text: str) -> AttentionGraph:
    for kind in KINDS.values():
        if kind.word and (inside := re.search(rf"\b{kind.word}\b", text, re.IGNORECASE)):
            raise FormulaError(f"{kind.noun} is a layer of its own, and no part of a formula", text, inside.span())
    return AttentionGraph.parse(text)


def _read(kind: type[Mixer], text: str) -> Mixer:
    """Read a line that begins like one of a kind."""
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    noun, example, word = kind.noun.partition(" ")[2], kind.example, kind.word
    if not text[begin:].startswith(word):
        raise FormulaError(f"names are written in lower case: {example}, say", text, (begin, begin + len(word)))
    if not kind.numbers and not kind.takes_formula:
        if begin + len(word) < end:
            raise FormulaError(f"{kind.noun} is written as the word alone", text, (begin + len(word), end))
        return kind.of({})
    inside = r"[\s\S]*" if kind.takes_formula else r"[^()]*"
    match = re.fullmatch(rf"\s*{word}\s*\(({inside})\)\s*", text)
    if match is None:
        if whole := re.match(rf"\s*{word}\s*\([^()]*\)\s*", text) if not kind.takes_formula else None:
            raise FormulaError(
                f"unexpected {text[whole.end()]!r} after {kind.noun}", text, (whole.end(), whole.end() + 1)
            )
        if text.count("(") > text.count(")") and (kind.takes_formula or text.count("(") == 1):
            raise FormulaError(f"the parenthesis of the {noun} is not closed", text[:end] + " ", (end, end + 1))
        what = "" if kind.takes_formula else f", with its {kind.numbers[0].what}"
        raise FormulaError(f"{kind.noun} is written as in {example}{what}", text, (begin, end))
    start, inner = match.start(1), match[1]
    values: dict[str, int] = {}
    parts = [inner]
    if kind.takes_formula or len(kind.numbers) > 1:
        parts = inner.split(",", len(kind.numbers))
    if not kind.takes_formula and len(parts) != len(kind.numbers):
        what = " and ".join(number.what for number in kind.numbers)
        raise FormulaError(f"{kind.noun} is written as in {example}, with its {what}", text, match.span(1))
    for number, part in zip(kind.numbers, parts, strict=False):
        value = number.read(part.strip())
        if value is None:
            first = start + len(part) - len(part.lstrip()) if part.strip() else start
            last = start + max(len(part.rstrip()), first - start + 1)
            raise FormulaError(f"{kind.noun} takes {number}, not {excerpt(part.strip())}", text, (first, last))
        values[number.name] = value
        start += len(part) + 1
    if not kind.takes_formula:
        return kind.of(values)
    if len(parts) <= len(kind.numbers):
        raise FormulaError(f"{kind.noun} is written as in {example}: the formula is missing", text, match.span(1))
    # Blanks in the place of what stands around it, so that errors show the place in the line.
    return kind.of(values, _read_formula(" " * start + parts[-1]))
