"""From a typed graph to a plan for speed.

The formula is simplified first (`canonical.simplify`), so that transpositions, signs and scales stand outside. Then

- **flash**: ``softmax(±scale?(A·Bᵀ))·C`` is scaled dot-product attention whatever A, B and C compute, as long as the
  softmax runs over tokens and the three are tokens x features. It runs on transformers' attention kernels, in memory
  that is linear in the number of tokens. A cosine similarity is the product of normalised rows, so it may be A·Bᵀ.
- **linear**: products of products become one chain, which is associated when the length of the sequence is known: of
  ``(q·kᵀ)·v`` and ``q·(kᵀ·v)`` the cheaper one.
- **dense**: everything else, as it is written; what the formula computes once is computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .association import Chain, Order
from .axes import TypedGraph, infer_axes
from .canonical import simplify
from .operations import NORMALISED_ROWS, TOKENS_BY_FEATURES, Axes, Axis, Operation, operation

_MAX_FACTORS = 16
_PRODUCTS = ("matmul", "cosine_similarity")
_TOKENS_BY_TOKENS = (Axis.TOKENS, Axis.TOKENS)


@dataclass(frozen=True)
class Input:
    """One of q, k and v."""

    name: str
    operands: tuple[int, ...] = ()


@dataclass(frozen=True)
class Apply:
    """An operation on the results of earlier steps; `axes` are those of the operands."""

    operation: Operation
    operands: tuple[int, ...]
    axes: tuple[Axes, ...]


@dataclass(frozen=True)
class Weights:
    """A factor of a product: softmax(±scores / sqrt(head_size)^scales) over tokens, or its transpose.

    It is not computed by itself, but with what it is multiplied by, in a fused attention.
    """

    scores: "Product"
    scales: int
    negated: bool
    transposed: bool

    @property
    def operands(self) -> tuple[int, ...]:
        """The steps that it reads."""
        return self.scores.operands


@dataclass(frozen=True)
class Product:
    """A chain of matrix products, to be associated at the least cost.

    `boundaries` are the axes between the factors: factor i is (boundaries[i], boundaries[i + 1]).
    """

    factors: tuple[int | Weights, ...]
    boundaries: tuple[Axis, ...]

    @property
    def operands(self) -> tuple[int, ...]:
        """The steps that it reads."""
        nested = [f.operands if isinstance(f, Weights) else (f,) for f in self.factors]
        return tuple(dict.fromkeys(step for steps in nested for step in steps))

    def order(self, tokens: int, head_size: int) -> tuple[int, Order]:
        """How many multiplications it takes for so many tokens, and in which order the factors are multiplied."""
        best = self._chain(tokens, head_size).best(0, len(self.factors) - 1)
        if best is None:  # `lower` leaves no weights without a value
            raise ValueError(f"there is no order to multiply {self}")
        return best

    def halves(self, tokens: int, head_size: int) -> tuple[int, Order, Order]:
        """The same for scores that a fused attention multiplies out itself: for the queries, and for the keys.

        Scores are a product over features somewhere; what stands left and right of there are queries and keys.
        """
        chain, last = self._chain(tokens, head_size), len(self.factors) - 1
        ways = [
            (queries[0] + keys[0], queries[1], keys[1])
            for place in range(1, last + 1)
            if self.boundaries[place] is Axis.FEATURES
            and (queries := chain.best(0, place - 1))
            and (keys := chain.best(place, last))
        ]
        return min(ways, key=lambda way: way[0])

    def _chain(self, tokens: int, head_size: int) -> Chain:
        features = [place for place, axis in enumerate(self.boundaries) if axis is Axis.FEATURES]
        values = {
            i: [place for place in features if (place <= i if factor.transposed else place > i)]
            for i, factor in enumerate(self.factors)
            if isinstance(factor, Weights)
        }
        return Chain([tokens if axis is Axis.TOKENS else head_size for axis in self.boundaries], values)


Step = Input | Apply | Product


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they run; the last gives the output."""

    steps: tuple[Step, ...]
    axes: tuple[Axes, ...]
    """Of the result of each step."""
    frees: tuple[tuple[int, ...], ...]
    """For each step the earlier ones whose results no later step needs."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the plan is made of.

        "flash" if it has a fused attention, "dense" if it makes a matrix of tokens x tokens, "linear" if neither.
        """
        fused = any(isinstance(factor, Weights) for step in self.steps for factor in getattr(step, "factors", ()))
        dense = _TOKENS_BY_TOKENS in self.axes
        return ("flash",) * fused + ("dense",) * dense or ("linear",)


def lower(typed: TypedGraph) -> Plan:
    """The plan of a graph: it computes the same, to rounding."""
    return _Lowering(infer_axes(simplify(typed.graph))).plan()


class _Lowering:
    def __init__(self, typed: TypedGraph):
        self.nodes, self.node_axes = typed.graph.nodes, typed.axes
        self.steps: list[Step] = []
        self.axes: list[Axes] = []
        self._places: dict[Step, int] = {}
        self._known_steps: dict[int, int] = {}
        self._known_factors: dict[int, list[int | Weights]] = {}
        self._users: list[list[str]] = [[] for _ in self.nodes]
        for place in reversed(range(len(self.nodes))):
            node = self.nodes[place]
            for operand in node.operands:
                # A transposition is a view: whoever uses it uses what is under it.
                self._users[operand] += self._users[place] if node.name == "transpose" else [node.name]

    def plan(self) -> Plan:
        output = self._step(len(self.nodes) - 1)
        last_use: dict[int, int] = {}
        needed = {output}
        for place in range(output, -1, -1):
            if place in needed:
                for operand in self.steps[place].operands:
                    needed.add(operand)
                    last_use.setdefault(operand, place)
        kept = sorted(needed)
        new = {old: place for place, old in enumerate(kept)}
        frees = tuple(tuple(new[o] for o, last in last_use.items() if last == place) for place in kept)
        steps = tuple(_renumbered(self.steps[place], new) for place in kept)
        return Plan(steps, tuple(self.axes[place] for place in kept), frees)

    def _add(self, step: Step, axes: Axes) -> int:
        if step not in self._places:
            self._places[step] = len(self.steps)
            self.steps.append(step)
            self.axes.append(axes)
        return self._places[step]

    def _apply(self, rule: Operation, *operands: int) -> int:
        axes = tuple(self.axes[o] for o in operands)
        return self._add(Apply(rule, operands, axes), rule.axes(*axes))

    def _transpose(self, step: int) -> int:
        below = self.steps[step]
        if isinstance(below, Apply) and below.operation.name == "transpose":
            return below.operands[0]
        return self._apply(operation("transpose"), step)

    def _step(self, place: int) -> int:
        """The step that computes a node."""
        if place not in self._known_steps:
            self._known_steps[place] = self._new_step(place)
        return self._known_steps[place]

    def _new_step(self, place: int) -> int:
        node = self.nodes[place]
        if node.is_input:
            return self._add(Input(node.name), TOKENS_BY_FEATURES)
        if node.name in _PRODUCTS:
            product = self._product(self._factors(place))
            return self._add(product, (product.boundaries[0], product.boundaries[-1]))
        if node.name == "transpose":
            return self._transpose(self._step(node.operands[0]))
        return self._apply(operation(node.name), *map(self._step, node.operands))

    def _product(self, factors: list[int | Weights]) -> Product:
        """A whole chain; weights in it that have no value to be fused with are computed by themselves.

        A value is tokens x features: what stands between weights and the next features to their right, or, if they are
        transposed, to their left. Where two want each other for a value, the transposed ones give way.
        """
        axes = [_TOKENS_BY_TOKENS if isinstance(f, Weights) else self.axes[f] for f in factors]
        boundaries = (axes[0][0], *(columns for _, columns in axes))
        for transposed in (True, False):
            for i, factor in enumerate(factors):
                if not isinstance(factor, Weights) or factor.transposed is not transposed:
                    continue
                if not _has_value(factors, boundaries, i, transposed):
                    factors[i] = self._computed(factor)
        return Product(tuple(factors), boundaries)

    def _factors(self, place: int) -> list[int | Weights]:
        """The chain whose product a node is."""
        if place not in self._known_factors:
            self._known_factors[place] = self._new_factors(place)
        return list(self._known_factors[place])

    def _new_factors(self, place: int) -> list[int | Weights]:
        node = self.nodes[place]
        if node.name == "cosine_similarity":
            first, second = (self._apply(NORMALISED_ROWS, self._step(o)) for o in node.operands)
            return [first, self._transpose(second)]
        chains = [self._chain(o) for o in node.operands]
        if len(chains[0]) + len(chains[1]) > _MAX_FACTORS:
            chains = [[self._step(o)] for o in node.operands]
        return chains[0] + chains[1]

    def _chain(self, place: int) -> list[int | Weights]:
        """What a node is in a chain of products: factors of its own, weights of an attention, or a result."""
        transposed = self.nodes[place].name == "transpose"
        inner = self.nodes[place].operands[0] if transposed else place
        if self.nodes[inner].name in _PRODUCTS and self._is_inlined(inner):
            factors = self._factors(inner)
            return [self._turned(f) for f in reversed(factors)] if transposed else factors
        weights = self._weights(inner, transposed)
        return [self._step(place) if weights is None else weights]

    def _is_inlined(self, product: int) -> bool:
        """Whether a product is not computed by itself: only one needs it, or it would be tokens x tokens."""
        return len(self._users[product]) == 1 or self.node_axes[product] == _TOKENS_BY_TOKENS

    def _turned(self, factor: int | Weights) -> int | Weights:
        if isinstance(factor, Weights):
            return Weights(factor.scores, factor.scales, factor.negated, not factor.transposed)
        return self._transpose(factor)

    def _weights(self, place: int, transposed: bool) -> Weights | None:
        """A softmax over tokens of a product, if nobody needs it but products."""
        if self.nodes[place].name != "softmax" or self.node_axes[place] != _TOKENS_BY_TOKENS:
            return None
        if any(user != "matmul" for user in self._users[place]):
            return None
        scales, negated, scores = 0, False, self.nodes[place].operands[0]
        while self.nodes[scores].name in ("scale", "neg"):
            scales += self.nodes[scores].name == "scale"
            negated ^= self.nodes[scores].name == "neg"
            scores = self.nodes[scores].operands[0]
        turned = self.nodes[scores].name == "transpose"
        scores = self.nodes[scores].operands[0] if turned else scores
        if self.nodes[scores].name not in _PRODUCTS:
            return None
        factors = self._factors(scores)
        product = self._product([self._turned(f) for f in reversed(factors)] if turned else factors)
        if Axis.FEATURES not in product.boundaries:
            return None
        return Weights(product, scales, negated, transposed)

    def _computed(self, weights: Weights) -> int:
        step = self._add(weights.scores, _TOKENS_BY_TOKENS)
        for name in ("scale",) * weights.scales + ("neg",) * weights.negated + ("softmax",):
            step = self._apply(operation(name), step)
        return self._transpose(step) if weights.transposed else step


def _has_value(factors: list[int | Weights], boundaries: Sequence[Axis], place: int, transposed: bool) -> bool:
    for i in range(place - 1, -1, -1) if transposed else range(place + 1, len(factors)):
        factor = factors[i]
        if isinstance(factor, Weights) and factor.transposed is not transposed:
            return False
        if boundaries[i if transposed else i + 1] is Axis.FEATURES:
            return True
    return False


def _renumbered(step: Step, new: dict[int, int]) -> Step:
    if isinstance(step, Apply):
        return Apply(step.operation, tuple(new[o] for o in step.operands), step.axes)
    if isinstance(step, Product):
        return _renumbered_product(step, new)
    return step


def _renumbered_product(product: Product, new: dict[int, int]) -> Product:
    factors: Sequence[int | Weights] = [
        Weights(_renumbered_product(f.scores, new), f.scales, f.negated, f.transposed)
        if isinstance(f, Weights)
        else new[f]
        for f in product.factors
    ]
    return Product(tuple(factors), product.boundaries)
