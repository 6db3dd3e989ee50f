"""Attention formulas as text and as graphs: parse, print, traverse.

A formula such as ``matmul(softmax(scale(matmul(q, transpose(k)))), v)`` comes from a config, and a config may come
from anybody: it is read by a small parser of its own, bounded in length, depth and size, and nothing in it is ever
evaluated. This module knows the syntax alone; which operations exist, and what they accept, is decided in
`axes.py`. Only the standard library is used.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .excerpts import excerpt, shortened

INPUTS = ("q", "k", "v")
"""The names of a graph's inputs: the projections of the hidden states, each of shape tokens x features."""

MAX_TEXT_LENGTH = 4096
MAX_OPERATIONS = 64
MAX_DEPTH = 32

_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|([(),]))", re.ASCII)


class FormulaError(ValueError):
    """A formula that cannot be used; the message shows the formula, the place and the reason."""

    def __init__(self, reason: str, text: str, span: tuple[int, int] | None = None):
        self.reason = reason
        self.span = start, end = span if span is not None else (0, len(text))
        shown, offset = _excerpt(text, start)
        width = max(1, min(end - start, len(shown) - offset))
        super().__init__(f"{reason}\n    {shown}\n    {' ' * offset}{'^' * width}")


def _excerpt(text: str, start: int, width: int = 160) -> tuple[str, int]:
    """One printable line of `text` around `start`, and the place of `start` in it."""
    begin = max(0, start - width // 2)
    piece = "".join(c if c.isprintable() else " " for c in text[begin : begin + width])
    prefix = "..." if begin else ""
    suffix = "..." if begin + width < len(text) else ""
    return prefix + piece + suffix, start - begin + len(prefix)


@dataclass(frozen=True, slots=True)
class Node:
    """An input (no operands) or an operation on earlier nodes, given by their places in the graph."""

    name: str
    operands: tuple[int, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether the node is q, k or v."""
        return not self.operands


@dataclass(frozen=True)
class AttentionGraph:
    """A directed acyclic graph of operations; the last node is the output.

    The nodes stand in the order in which a depth-first walk from the output finishes them, equal sub-expressions are
    one node, and no node is unused: two graphs are equal if and only if their formulas are.
    """

    nodes: tuple[Node, ...]
    source: str = field(default="", compare=False, repr=False)
    spans: tuple[tuple[int, int], ...] = field(default=(), compare=False, repr=False)
    """Where each node stands in `source`; empty for a graph that was not parsed."""

    @classmethod
    def parse(cls, text: str) -> "AttentionGraph":
        """Read a formula.

        Raises:
            FormulaError: for anything but nested calls of named operations on `q`, `k` and `v`.

        >>> graph = AttentionGraph.parse("matmul( softmax(matmul(q, transpose(k))), q )")
        >>> str(graph), graph.inputs, len(graph.operations)
        ('matmul(softmax(matmul(q, transpose(k))), q)', ('q', 'k'), 4)
        """
        return _Parser(text).parse()

    @classmethod
    def from_nodes(cls, nodes: Iterable[Node], output: int = -1, bounded: bool = True) -> "AttentionGraph":
        """The graph below `output`, in the standard order.

        Raises:
            FormulaError: if it is `bounded` and larger or deeper than the bounds of the language.
        """
        nodes = list(nodes)
        built = _Builder()
        places: dict[int, int] = {}
        for place in _finished_order(nodes, output % len(nodes)):
            node = nodes[place]
            places[place] = built.add(node.name, tuple(places[o] for o in node.operands))
        graph = cls(tuple(built.nodes))
        if bounded:
            graph._check_bounds()
        return graph

    def _check_bounds(self) -> None:
        lengths: list[int] = []
        depths: list[int] = []
        for node in self.nodes:
            inside = sum(lengths[o] for o in node.operands) + 2 * len(node.operands)
            lengths.append(len(node.name) + inside)
            depths.append(1 + max((depths[o] for o in node.operands), default=-1))
        problem = (
            _too_long(lengths[-1])
            or (f"too deep: {depths[-1]} operations inside one another, at most {MAX_DEPTH}" * (depths[-1] > MAX_DEPTH))
            or _too_many(len(self.operations))
        )
        if problem:
            raise FormulaError(problem, str(self) if lengths[-1] <= MAX_TEXT_LENGTH else self.operations[-1].name)

    def __str__(self) -> str:
        texts: list[str] = []
        for node in self.nodes:
            texts.append(node.name if node.is_input else f"{node.name}({', '.join(texts[o] for o in node.operands)})")
        return texts[-1]

    @property
    def operations(self) -> tuple[Node, ...]:
        """The nodes that are operations, in order."""
        return tuple(node for node in self.nodes if not node.is_input)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs in use, in the order q, k, v."""
        used = {node.name for node in self.nodes if node.is_input}
        return tuple(name for name in INPUTS if name in used)

    def error(self, reason: str, place: int) -> FormulaError:
        """The error to raise for a node; shows where it stands in the formula."""
        if self.spans:
            return FormulaError(reason, self.source, self.spans[place])
        parsed = AttentionGraph.parse(str(self))
        return FormulaError(reason, parsed.source, parsed.spans[place])


def check_length(text: str) -> None:
    """See that a line is short enough to be read.

    Raises:
        FormulaError: if it is not.
    """
    if problem := _too_long(len(text)):
        raise FormulaError(problem, text[:80] + "...")


def _too_long(length: int) -> str:
    if length <= MAX_TEXT_LENGTH:
        return ""
    return f"too large: the formula has {length} characters, at most {MAX_TEXT_LENGTH} are read"


def _too_many(operations: int) -> str:
    if operations <= MAX_OPERATIONS:
        return ""
    return f"too large: {operations} operations, at most {MAX_OPERATIONS}"


def _finished_order(nodes: list[Node], output: int) -> Iterator[int]:
    """The places of the nodes below `output`, operands first; iterative, since a bad graph may be deep."""
    stack, done = [output], set()
    while stack:
        place = stack[-1]
        waiting = [o for o in nodes[place].operands if o not in done]
        if place in done or not waiting:
            stack.pop()
            if place not in done:
                done.add(place)
                yield place
        else:
            stack.append(waiting[0])


class _Builder:
    """Collects nodes; one that is there already is found again."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._places: dict[Node, int] = {}

    def add(self, name: str, operands: tuple[int, ...]) -> int:
        node = Node(name, operands)
        if node not in self._places:
            self._places[node] = len(self.nodes)
            self.nodes.append(node)
        return self._places[node]


class _Parser:
    """Recursive descent over ``expression := name | name "(" expression ("," expression)* ")"``."""

    def __init__(self, text: str):
        if not isinstance(text, str):
            raise FormulaError(f"an attention formula is a text, not {type(text).__name__}", excerpt(text))
        check_length(text)
        self.text = text
        self.tokens = list(self._tokenise())
        self.next = 0
        self.builder = _Builder()
        self.spans: list[tuple[int, int]] = []

    def _tokenise(self) -> Iterator[tuple[str, int, int]]:
        place, end = 0, len(self.text.rstrip())
        while place < end:
            match = _TOKEN.match(self.text, place, end)
            if match is None:
                place += len(self.text[place:]) - len(self.text[place:].lstrip())
                raise FormulaError(
                    f"unexpected character {self.text[place]!r}: a formula has names, parentheses and commas only",
                    self.text,
                    (place, place + 1),
                )
            group = 1 if match[1] else 2
            yield match[group], match.start(group), match.end(group)
            place = match.end()

    def parse(self) -> AttentionGraph:
        if not self.tokens:
            raise FormulaError("empty formula: write for example softmax(q)", self.text or " ")
        self._expression(depth=0)
        if self.next < len(self.tokens):
            token, start, end = self.tokens[self.next]
            raise FormulaError(f"unexpected {excerpt(token)} after the end of the formula", self.text, (start, end))
        graph = AttentionGraph(tuple(self.builder.nodes), self.text, tuple(self.spans))
        if problem := _too_many(len(graph.operations)):
            raise FormulaError(problem, self.text)
        return graph

    def _take(self, wanted: str, described: str) -> tuple[str, int, int]:
        if self.next == len(self.tokens):
            end = len(self.text.rstrip())
            raise FormulaError(f"the formula ends where {described} should stand", self.text + " ", (end, end + 1))
        token, start, end = self.tokens[self.next]
        if not (token in wanted.split() or (wanted == "name" and token not in "(),")):
            raise FormulaError(f"unexpected {excerpt(token)} where {described} should stand", self.text, (start, end))
        self.next += 1
        return token, start, end

    def _expression(self, depth: int) -> int:
        name, start, end = self._take("name", "an operation or one of q, k, v")
        operands: list[int] = []
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "(":
            if depth == MAX_DEPTH:
                raise FormulaError(
                    f"too deep: more than {MAX_DEPTH} operations inside one another", self.text, (start, end)
                )
            self.next += 1
            operands.append(self._expression(depth + 1))
            while (token := self._take(", )", "',' or ')'"))[0] == ",":
                operands.append(self._expression(depth + 1))
            end = token[2]
            if name in INPUTS:
                raise FormulaError(f"{name!r} is an input and takes no arguments", self.text, (start, end))
        elif name.lower() in INPUTS and name not in INPUTS:
            raise FormulaError(
                f"{excerpt(name)} is not an input: names are written in lower case, did you mean "
                f"{shortened(' '.join(self.text.lower().split()), 100)}?",
                self.text,
                (start, end),
            )
        elif name not in INPUTS:
            raise FormulaError(
                f"{excerpt(name)} is not an input: the inputs are q, k and v; an operation needs arguments, as in "
                f"{shortened(name, 60)}(q)",
                self.text,
                (start, end),
            )
        place = self.builder.add(name, tuple(operands))
        if place == len(self.spans):
            self.spans.append((start, end))
        return place
