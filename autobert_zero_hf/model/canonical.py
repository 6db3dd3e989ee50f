"""Normal form and identity of attention graphs: graphs that compute the same function by algebra are one candidate.

Rules, applied from the inputs to the output:

- transpositions move outwards, through element-wise operations, sums, products and comparisons, up to the operand that
  needs them; two of them cancel, a symmetric matrix forgets them, and of a function and its transpose only one is
  computed;
- factors (signs, scales, and the 2 of x + x) move outwards too, through sums, products, comparisons and, for signs, odd
  element-wise operations; cosine similarity forgets all but the sign, and euclidean distance a sign that both operands
  share, while a single one stands on the second;
- sums and chains of products are flattened; the terms of a sum are collected and put in a fixed order; what they cancel
  to is one zero for each kind of axes;
- equal sub-expressions are one node.

Sums are not multiplied out: a (b + c) and a b + a c stay two.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import lru_cache

from .graph import AttentionGraph, Node
from .operations import TOKENS_BY_FEATURES, Axes, operation, swapped

_MAX_OUTSIDE = 16
"""The scales that a simplified graph moves out of a product."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A node with what stands outside it: times * core^(T if transposed) / sqrt(head_size)^scales.

    Zero is a term with `times` 0, made by `_NormalForm._zero` alone, so that there is one for each kind of axes.
    """

    core: int
    transposed: bool = False
    times: int = 1
    scales: int = 0


def canonicalise(graph: AttentionGraph) -> AttentionGraph:
    """The normal form of a legal graph: it computes the same function, to rounding."""
    return _NormalForm(graph, flatten=True).as_graph()


def simplify(graph: AttentionGraph) -> AttentionGraph:
    """The normal form with sums and products nested, and terms not collected: what was one operation stays one."""
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
        self._axes: list[Axes] = []
        self._symmetric: list[bool] = []  # whether a node is known to be its own transpose
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
            kinds = tuple([self._axes[o] for o in operands])
            self._axes.append(operation(name).legal_axes[kinds] if operands else TOKENS_BY_FEATURES)
            self._symmetric.append(False)
            self.digests.append(_digest(f"{name}({','.join([self.digests[o] for o in operands])})"))
        return self._places[node]

    def _emit(self, term: _Term) -> int:
        """The node of a term, with what stands outside it written out."""
        place = self._add("transpose", term.core) if term.transposed else term.core
        for _ in range(term.scales):
            place = self._add("scale", place)
        once = place
        for bit in f"{abs(term.times):b}"[1:]:
            place = self._add("add", place, place)
            place = self._add("add", place, once) if bit == "1" else place
        if not term.times:
            return self._add("add", place, self._add("neg", place))
        return self._add("neg", place) if term.times < 0 else place

    def _zero(self, term: _Term) -> _Term:
        """The zero of the same axes as a term: nothing of q, of its transpose or of the product of the two."""
        axes = swapped(self._axes[term.core]) if term.transposed else self._axes[term.core]
        rows, columns = (_Term(self._add("q"), transposed=axis is not TOKENS_BY_FEATURES[0]) for axis in axes)
        if axes[0] is axes[1]:
            rows = self._product([rows, self._turned(columns)])
        return replace(rows, times=0)

    def _under(self, term: _Term, outer: _Term) -> _Term:
        """The term that this one becomes when what stands outside `outer` is put around it too."""
        term = self._turned(term) if outer.transposed else term
        return replace(term, times=term.times * outer.times, scales=term.scales + outer.scales)

    def _turned(self, term: _Term) -> _Term:
        """The transpose of a term."""
        return replace(term, transposed=not term.transposed and not self._symmetric[term.core])

    def _build(self, node: Node, operands: list[_Term]) -> _Term:
        if node.is_input:
            return _Term(self._add(node.name))
        first = operands[0]
        if node.name == "transpose":
            return self._turned(first)
        if node.name == "neg":
            return replace(first, times=-first.times)
        if node.name == "scale":
            return replace(first, scales=first.scales + 1) if first.times else first
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
            if rule.odd and not first.times:
                return first
            sign = -1 if rule.odd and first.times < 0 else 1
            inside = replace(first, transposed=False, times=sign * first.times)
            core = self._add(node.name, self._emit(inside))
            self._symmetric[core] = self._symmetric[first.core]
            return _Term(core, first.transposed, sign)
        return _Term(self._add(node.name, *map(self._emit, operands)))

    def _parts_of(self, term: _Term, name: str) -> list[_Term]:
        """The parts of a term's core, if that is a sum or product (`name`) and is to be flattened."""
        return self._parts[term.core] if self._flatten and self.nodes[term.core].name == name else [_Term(term.core)]

    def _order(self, term: _Term) -> tuple[str, bool, int, int]:
        return self.digests[term.core], term.transposed, term.scales, -term.times

    def _sum(self, terms: list[_Term]) -> _Term:
        flat = terms
        if self._flatten:
            flat = _collected([self._under(part, t) for t in terms for part in self._parts_of(t, "add")])
            if not flat:
                return self._zero(terms[0])
        scales, times = min(t.scales for t in flat), math.gcd(*(t.times for t in flat))
        flat = [replace(t, scales=t.scales - scales, times=t.times // times) for t in flat]
        # Of the sum, its negative, its transpose and the negative of that, the one whose sorted terms come first.
        signs = [flat, [replace(t, times=-t.times) for t in flat]]
        turned = [[self._turned(t) for t in choice] for choice in signs]
        choices = [sorted(choice, key=self._order) for choice in signs + turned]
        keys = [[self._order(t) for t in choice] for choice in choices]
        best = keys.index(min(keys))
        outside = _Term(0, best >= 2, -times if best % 2 else times, scales)
        flat = choices[best]
        if len(flat) == 1:
            return self._under(flat[0], outside)
        core = self._emit(flat[0])
        for part in flat[1:]:
            core = self._add("add", core, self._emit(part))
        self._symmetric[core] = keys[0] == keys[2]
        self._parts[core] = flat
        return replace(outside, core=core)

    def _product(self, factors: list[_Term]) -> _Term:
        a, b = factors
        if not self._flatten and a.scales + b.scales > _MAX_OUTSIDE:
            # Squares of squares: outside, what the formula computes a few times would be computed hundreds of times.
            a, b = factors = [_Term(self._emit(f)) for f in factors]
        flat: list[_Term] = []
        for f in factors:
            own = self._parts_of(f, "matmul")
            flat += [self._turned(p) for p in reversed(own)] if f.transposed else own
        turned = [self._turned(t) for t in reversed(flat)]
        keys = [[self._order(t) for t in choice] for choice in (flat, turned)]
        transposed = keys[1] < keys[0]
        flat = turned if transposed else flat
        core = self._emit(flat[0])
        for part in flat[1:]:
            core = self._add("matmul", core, self._emit(part))
        self._symmetric[core] = keys[0] == keys[1]
        self._parts[core] = flat
        product = _Term(core, transposed, a.times * b.times, a.scales + b.scales)
        return product if product.times else self._zero(product)

    def _cosine_similarity(self, a: _Term, b: _Term) -> _Term:
        sign = -1 if (a.times < 0) != (b.times < 0) else 1
        cosine = self._comparison(
            "cosine_similarity", replace(a, times=1, scales=0), replace(b, times=1, scales=0), sign
        )
        return cosine if a.times * b.times else self._zero(cosine)

    def _euclidean_distance(self, a: _Term, b: _Term) -> _Term:
        scales = min((t.scales for t in (a, b) if t.times), default=0)
        times = math.gcd(a.times, b.times)
        sign = -1 if (a.times < 0) != (b.times < 0) else 1
        a, b = (replace(t, scales=t.scales - scales, times=abs(t.times) // times) if t.times else t for t in (a, b))
        distance = self._comparison("euclidean_distance", a, b, 1, sign)
        return replace(distance, times=times, scales=scales) if times else self._zero(distance)

    def _comparison(self, name: str, a: _Term, b: _Term, outside: int, on_second: int = 1) -> _Term:
        """A comparison of rows with rows, which of (a, b) and (b, a) are each other's transposes."""
        exchanged = self._order(b) < self._order(a)
        first, second = (b, a) if exchanged else (a, b)
        core = self._add(name, self._emit(first), self._emit(replace(second, times=on_second * second.times)))
        self._symmetric[core] = a == b
        return _Term(core, exchanged, outside)


def _collected(terms: list[_Term]) -> list[_Term]:
    """The terms of a sum with like ones added up, without those that cancel."""
    times: dict[_Term, int] = {}
    for term in terms:
        like = replace(term, times=1)
        times[like] = times.get(like, 0) + term.times
    return [replace(like, times=n) for like, n in times.items() if n]
