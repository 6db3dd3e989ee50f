"""Normal form and identity of attention graphs: graphs that compute the same function by algebra are one candidate.

Rules, applied from the inputs to the output:

- transpositions move inwards, through element-wise operations, sums, products and comparisons, down to the inputs
  (or to a softmax, which they cannot pass); two of them cancel;
- signs and scales move outwards, through sums, products, comparisons and, for signs, odd element-wise operations;
  cosine similarity forgets scales, euclidean distance forgets a sign that both operands share, and a
  single one stands on the second;
- sums and chains of products are flattened; the terms of a sum are put in a fixed order, the first without a sign;
- equal sub-expressions are one node.
"""

import hashlib
from dataclasses import dataclass

from .graph import AttentionGraph, Node
from .operations import operation

_MAX_TERMS = 64
"""A sum or product with more terms than this is left nested: flattening shared sums can double with every operation."""


@dataclass(frozen=True)
class _Term:
    """A node with its sign and its scales still outside: (-1)^negative * core / sqrt(head_size)^scales."""

    core: int
    negative: bool = False
    scales: int = 0

    def signed(self, negative: bool) -> "_Term":
        return _Term(self.core, self.negative != negative, self.scales)


def canonicalise(graph: AttentionGraph) -> AttentionGraph:
    """The normal form of a legal graph: it computes the same function, to rounding."""
    form = _NormalForm(graph)
    return AttentionGraph.from_nodes(form.nodes, form.emit(form.term(len(graph.nodes) - 1, False)), bounded=False)


def identity(graph: AttentionGraph) -> str:
    """A hash of the normal form, 16 hexadecimal digits: the same for graphs that the algebra shows to be equal."""
    form = _NormalForm(graph)
    return form.digests[form.emit(form.term(len(graph.nodes) - 1, False))]


class _NormalForm:
    def __init__(self, graph: AttentionGraph):
        self.graph = graph
        self.nodes: list[Node] = []
        self.digests: list[str] = []
        self._places: dict[Node, int] = {}
        self._terms: dict[tuple[int, bool], _Term] = {}
        self._parts: dict[int, list[_Term]] = {}  # a sum or product that was built here -> its flattened parts

    def add(self, name: str, *operands: int) -> int:
        node = Node(name, operands)
        if node not in self._places:
            self._places[node] = len(self.nodes)
            self.nodes.append(node)
            text = f"{name}({','.join(self.digests[o] for o in operands)})"
            self.digests.append(hashlib.blake2b(text.encode(), digest_size=8).hexdigest())
        return self._places[node]

    def emit(self, term: _Term) -> int:
        """The node of a term, its scales and its sign written out."""
        place = term.core
        for _ in range(term.scales):
            place = self.add("scale", place)
        return self.add("neg", place) if term.negative else place

    def term(self, place: int, transposed: bool) -> _Term:
        """The normal form of a node of the graph, or of its transpose; recursion is bounded by the graph's depth."""
        if (place, transposed) not in self._terms:
            self._terms[place, transposed] = self._build(self.graph.nodes[place], transposed)
        return self._terms[place, transposed]

    def _build(self, node: Node, transposed: bool) -> _Term:
        if node.is_input:
            core = self.add(node.name)
            return _Term(self.add("transpose", core) if transposed else core)
        if node.name == "transpose":
            return self.term(node.operands[0], not transposed)
        if node.name == "neg":
            return self.term(node.operands[0], transposed).signed(True)
        if node.name == "scale":
            inner = self.term(node.operands[0], transposed)
            return _Term(inner.core, inner.negative, inner.scales + 1)
        if node.name == "add":
            return self._sum([self.term(o, transposed) for o in node.operands])
        if node.name == "matmul":
            factors = [self.term(o, transposed) for o in node.operands]
            return self._product(factors[::-1] if transposed else factors)
        if node.name in ("cosine_similarity", "euclidean_distance"):
            a, b = (self.term(o, False) for o in node.operands)
            return self._comparison(node.name, *((b, a) if transposed else (a, b)))
        rule = operation(node.name)
        if rule.elementwise:
            inner = self.term(node.operands[0], transposed)
            sign = inner.negative and rule.odd
            return _Term(self.add(node.name, self.emit(inner.signed(sign))), sign)
        core = self.add(node.name, *(self.emit(self.term(o, False)) for o in node.operands))
        return _Term(self.add("transpose", core) if transposed else core)

    def _flattened(self, name: str, terms: list[_Term]) -> list[list[_Term]]:
        """For each term the parts of its core, if that is a sum or product (`name`), unless they are too many."""
        parts = [self._parts[t.core] if self.nodes[t.core].name == name else [_Term(t.core)] for t in terms]
        return parts if sum(map(len, parts)) <= _MAX_TERMS else [[_Term(t.core)] for t in terms]

    def _sum(self, terms: list[_Term]) -> _Term:
        flat = [
            _Term(part.core, part.negative != t.negative, part.scales + t.scales)
            for t, parts in zip(terms, self._flattened("add", terms), strict=True)
            for part in parts
        ]
        scales = min(t.scales for t in flat)
        flat = [_Term(t.core, t.negative, t.scales - scales) for t in flat]

        def order(t: _Term) -> tuple[str, int, bool]:
            return self.digests[t.core], t.scales, t.negative

        # Of the sum and its negative, the one that comes first; terms that cancel make more than the first one count.
        flat, flipped = sorted(flat, key=order), sorted((t.signed(True) for t in flat), key=order)
        sign = list(map(order, flipped)) < list(map(order, flat))
        flat = flipped if sign else flat
        core = self.emit(flat[0])
        for part in flat[1:]:
            core = self.add("add", core, self.emit(part))
        self._parts[core] = flat
        return _Term(core, sign, scales)

    def _product(self, factors: list[_Term]) -> _Term:
        flat = [part for parts in self._flattened("matmul", factors) for part in parts]
        core = flat[0].core
        for part in flat[1:]:
            core = self.add("matmul", core, part.core)
        self._parts[core] = flat
        return _Term(core, factors[0].negative != factors[1].negative, sum(f.scales for f in factors))

    def _comparison(self, name: str, a: _Term, b: _Term) -> _Term:
        if name == "cosine_similarity":
            return _Term(self.add(name, a.core, b.core), a.negative != b.negative)
        scales = min(a.scales, b.scales)
        first = self.emit(_Term(a.core, False, a.scales - scales))
        second = self.emit(_Term(b.core, a.negative != b.negative, b.scales - scales))
        return _Term(self.add(name, first, second), scales=scales)
