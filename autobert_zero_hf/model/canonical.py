"""Normal form and identity of attention graphs: graphs that compute the same function by algebra are one candidate.

Rules, applied from the inputs to the output:

- transpositions move outwards, through element-wise operations, sums, products and comparisons, up to the operand that
  needs them; two of them cancel, and of a function and its transpose only one is computed;
- signs and scales move outwards too, through sums, products, comparisons and, for signs, odd element-wise operations;
  cosine similarity forgets scales, euclidean distance forgets a sign that both operands share, and a single one
  stands on the second;
- sums and chains of products are flattened; the terms of a sum are put in a fixed order, and those that cancel go;
- equal sub-expressions are one node.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

from .graph import AttentionGraph, Node
from .operations import operation

_MAX_TERMS = 64
"""A sum or product with more terms than this is left nested: flattening shared sums can double with every operation."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A node with what stands outside it: (-1)^negative * core^(T if transposed) / sqrt(head_size)^scales."""

    core: int
    transposed: bool = False
    negative: bool = False
    scales: int = 0

    def under(self, outer: "_Term") -> "_Term":
        """The term that this one becomes when what stands outside `outer` is put around it too."""
        return _Term(
            self.core,
            self.transposed != outer.transposed,
            self.negative != outer.negative,
            self.scales + outer.scales,
        )


def canonicalise(graph: AttentionGraph) -> AttentionGraph:
    """The normal form of a legal graph: it computes the same function, to rounding."""
    return _NormalForm(graph, flatten=True).as_graph()


def simplify(graph: AttentionGraph) -> AttentionGraph:
    """The normal form with sums and products nested as they were: what a formula computes once, it computes once."""
    return _NormalForm(graph, flatten=False).as_graph()


def identity(graph: AttentionGraph) -> str:
    """A hash of the normal form, 16 hexadecimal digits: the same for graphs that the algebra shows to be equal."""
    form = _NormalForm(graph, flatten=True)
    return form.digests[form.output]


@lru_cache(maxsize=2**16)
def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class _NormalForm:
    def __init__(self, graph: AttentionGraph, flatten: bool):
        self.nodes: list[Node] = []
        self.digests: list[str] = []
        self._flatten = flatten
        self._places: dict[Node, int] = {}
        self._parts: dict[int, list[_Term]] = {}  # a sum or product that was built here -> its flattened parts
        terms: list[_Term] = []
        for node in graph.nodes:
            terms.append(self._build(node, [terms[o] for o in node.operands]))
        self.output = self._emit(terms[-1])

    def as_graph(self) -> AttentionGraph:
        return AttentionGraph.from_nodes(self.nodes, self.output, bounded=False)

    def _add(self, name: str, *operands: int) -> int:
        node = Node(name, operands)
        if node not in self._places:
            self._places[node] = len(self.nodes)
            self.nodes.append(node)
            self.digests.append(_digest(f"{name}({','.join([self.digests[o] for o in operands])})"))
        return self._places[node]

    def _emit(self, term: _Term) -> int:
        """The node of a term, with what stands outside it written out."""
        place = self._add("transpose", term.core) if term.transposed else term.core
        for _ in range(term.scales):
            place = self._add("scale", place)
        return self._add("neg", place) if term.negative else place

    def _build(self, node: Node, operands: list[_Term]) -> _Term:
        if node.is_input:
            return _Term(self._add(node.name))
        first = operands[0]
        if node.name == "transpose":
            return replace(first, transposed=not first.transposed)
        if node.name == "neg":
            return replace(first, negative=not first.negative)
        if node.name == "scale":
            return replace(first, scales=first.scales + 1)
        if node.name == "add":
            return self._sum(operands)
        if node.name == "matmul":
            return self._product(operands)
        if node.name == "cosine_similarity":
            return self._cosine_similarity(*operands)
        if node.name == "euclidean_distance":
            return self._euclidean_distance(*operands)
        rule = operation(node.name)
        if rule.elementwise:
            inside = _Term(first.core, False, first.negative and not rule.odd, first.scales)
            return _Term(self._add(node.name, self._emit(inside)), first.transposed, first.negative and rule.odd)
        return _Term(self._add(node.name, *map(self._emit, operands)))

    def _parts_of(self, terms: list[_Term], name: str) -> list[list[_Term]]:
        """For each term the parts of its core, if that is a sum or product (`name`), unless they are too many."""
        parts = [self._parts[t.core] if self.nodes[t.core].name == name else [_Term(t.core)] for t in terms]
        return parts if sum(map(len, parts)) <= _MAX_TERMS else [[_Term(t.core)] for t in terms]

    def _order(self, term: _Term) -> tuple[str, bool, int, bool]:
        return self.digests[term.core], term.transposed, term.scales, term.negative

    def _sum(self, terms: list[_Term]) -> _Term:
        flat = terms
        if self._flatten:
            parts = self._parts_of(terms, "add")
            flat = [part.under(t) for t, own in zip(terms, parts, strict=True) for part in own]
            flat = _without_opposites(flat)
        scales = min(t.scales for t in flat)
        # The sum, its negative, its transpose: whichever comes first when the terms of each are sorted.
        outer, flat = min(
            (
                (variant, sorted((replace(t, scales=t.scales - scales).under(variant) for t in flat), key=self._order))
                for variant in (_Term(0, transposed, negative) for transposed in (False, True) for negative in (False, True))
            ),
            key=lambda choice: [self._order(t) for t in choice[1]],
        )
        outside = replace(outer, scales=scales)
        if len(flat) == 1:
            return flat[0].under(outside)
        core = self._emit(flat[0])
        for part in flat[1:]:
            core = self._add("add", core, self._emit(part))
        self._parts[core] = flat if self._flatten else [_Term(core)]
        return replace(outside, core=core)

    def _product(self, factors: list[_Term]) -> _Term:
        flat = [_Term(f.core, f.transposed) for f in factors]
        if self._flatten:
            flat = []
            for f, parts in zip(factors, self._parts_of(factors, "matmul"), strict=True):
                turned = [_Term(p.core, p.transposed != f.transposed) for p in parts]
                flat += turned[::-1] if f.transposed else turned
        turned = [_Term(t.core, not t.transposed) for t in reversed(flat)]
        transposed = [self._order(t) for t in turned] < [self._order(t) for t in flat]
        flat = turned if transposed else flat
        core = self._emit(flat[0])
        for part in flat[1:]:
            core = self._add("matmul", core, self._emit(part))
        self._parts[core] = flat
        a, b = factors
        return _Term(core, transposed, a.negative != b.negative, a.scales + b.scales)

    def _cosine_similarity(self, a: _Term, b: _Term) -> _Term:
        negative = a.negative != b.negative
        a, b = _Term(a.core, a.transposed), _Term(b.core, b.transposed)
        swapped = self._order(b) < self._order(a)
        a, b = (b, a) if swapped else (a, b)
        return _Term(self._add("cosine_similarity", self._emit(a), self._emit(b)), swapped, negative)

    def _euclidean_distance(self, a: _Term, b: _Term) -> _Term:
        negative, scales = a.negative != b.negative, min(a.scales, b.scales)
        a, b = (_Term(t.core, t.transposed, scales=t.scales - scales) for t in (a, b))
        swapped = self._order(b) < self._order(a)
        a, b = (b, a) if swapped else (a, b)
        core = self._add("euclidean_distance", self._emit(a), self._emit(replace(b, negative=negative)))
        return _Term(core, swapped, scales=scales)


def _without_opposites(terms: list[_Term]) -> list[_Term]:
    """The terms of a sum without pairs that add up to nothing; one such pair if there is nothing else."""
    left: list[_Term] = []
    for term in terms:
        opposite = replace(term, negative=not term.negative)
        if opposite in left:
            left.remove(opposite)
        else:
            left.append(term)
    return left or [replace(terms[0], negative=False), replace(terms[0], negative=True)]
