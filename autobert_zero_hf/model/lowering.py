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
from dataclasses import dataclass, replace

from .association import Chain, Order
from .axes import TypedGraph, infer_axes
from .canonical import simplify
from .operations import NORMALISED_ROWS, TOKENS_BY_FEATURES, TOKENS_BY_TOKENS, Axes, Axis, Operation, operation

_MAX_FACTORS = 16
"""The factors of a chain; a longer one is cut, since the best order takes a time that is cubic in them."""

_PRODUCTS = ("matmul", "cosine_similarity")


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
    """A factor of a product: softmax(±query · keyᵀ / sqrt(head_size)^scales) over tokens, or its transpose.

    It is not computed by itself, but with what it is multiplied by, in a fused attention. `query` and `key` are steps.
    """

    query: int
    key: int
    scales: int
    negated: bool
    transposed: bool


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
        nested = [(f.query, f.key) if isinstance(f, Weights) else (f,) for f in self.factors]
        return tuple(dict.fromkeys(step for steps in nested for step in steps))

    @property
    def weights(self) -> tuple[Weights, ...]:
        """The fused attentions in it."""
        return tuple(factor for factor in self.factors if isinstance(factor, Weights))

    def order(self, tokens: int, head_size: int) -> tuple[int, Order]:
        """How many multiplications it takes for so many tokens, and in which order the factors are multiplied."""
        features = [place for place, axis in enumerate(self.boundaries) if axis is Axis.FEATURES]
        values = {
            i: [place for place in features if (place <= i if factor.transposed else place > i)]
            for i, factor in enumerate(self.factors)
            if isinstance(factor, Weights)
        }
        sizes = [tokens if axis is Axis.TOKENS else head_size for axis in self.boundaries]
        best = Chain(sizes, values).best(0, len(self.factors) - 1)
        if best is None:  # `lower` leaves no weights without a value
            raise ValueError(f"there is no order to multiply {self}")
        return best


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

        "flash" if it has a fused attention, "dense" if it makes a matrix of tokens x tokens whatever their number,
        "linear" if neither.
        """
        fused = any(step.weights for step in self.steps if isinstance(step, Product))
        dense = TOKENS_BY_TOKENS in self.axes
        return ("flash",) * fused + ("dense",) * dense or ("linear",)

    @property
    def keeps_pairs(self) -> bool:
        """Whether the plan may run under a pairwise mask: only attentions, of one value each, sum over tokens."""
        return all(
            len(step.factors) == 2 and isinstance(step.factors[0], Weights)
            if isinstance(step, Product)
            else isinstance(step, Input) or not step.operation.reduces_tokens(step.axes)
            for step in self.steps
        )


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
        self._softmax: dict[Weights, int] = {}  # the step that computes weights by themselves
        self._users: list[list[str]] = [[] for _ in self.nodes]
        for place in reversed(range(len(self.nodes))):
            node = self.nodes[place]
            for operand in node.operands:
                # A transposition is a view: whoever uses it uses what is under it.
                self._users[operand] += self._users[place] if node.name == "transpose" else [node.name]

    def plan(self) -> Plan:
        # In order, so that no step has to wait for more than its own operands; what is not needed goes.
        output = [self._step(place) for place in range(len(self.nodes))][-1]
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
            return self._multiplied(self._factors(place))
        if node.name == "transpose":
            return self._transpose(self._step(node.operands[0]))
        if node.name in ("neg", "scale") and (factors := self._scaled(place)):
            return self._multiplied(factors)
        return self._apply(operation(node.name), *map(self._step, node.operands))

    def _multiplied(self, factors: list[int | Weights]) -> int:
        """The step that multiplies a whole chain; weights that have no value to be fused with are steps of their own.

        A value is tokens x features: what stands between weights and the next features to their right, or, if they are
        transposed, to their left. Where two want each other for a value, the transposed ones give way.
        """
        if len(factors) == 1 and isinstance(factors[0], int):
            return factors[0]
        boundaries = self._boundaries(factors)
        for transposed in (True, False):
            for i, factor in enumerate(factors):
                if not isinstance(factor, Weights) or factor.transposed is not transposed:
                    continue
                if not _has_value(factors, boundaries, i, transposed):
                    step = self._softmax[replace(factor, transposed=False)]
                    factors[i] = self._transpose(step) if transposed else step
        return self._add(Product(tuple(factors), boundaries), (boundaries[0], boundaries[-1]))

    def _scaled(self, place: int) -> list[int | Weights]:
        """The factors of ±scale(product), tokens x tokens, with sign and scales on a small one; none if there is none.

        Where somebody needs the product without them, and for any other node, there are none either.
        """
        node = self.nodes[place]
        if node.name in _PRODUCTS:
            return self._factors(place) if self.node_axes[place] == TOKENS_BY_TOKENS else []
        if node.name not in ("neg", "scale", "transpose") or len(self._users[node.operands[0]]) > 1:
            return []
        factors = self._scaled(node.operands[0])
        if node.name == "transpose":
            return self._turned(factors)
        for i, factor in enumerate(factors):
            if isinstance(factor, int) and self.axes[factor] != TOKENS_BY_TOKENS:
                factors[i] = self._apply(operation(node.name), factor)
                return factors
        return []

    def _boundaries(self, factors: list[int | Weights]) -> tuple[Axis, ...]:
        axes = [TOKENS_BY_TOKENS if isinstance(f, Weights) else self.axes[f] for f in factors]
        return axes[0][0], *(columns for _, columns in axes)

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
            longer = max(chains, key=len)
            longer[:] = [self._multiplied(list(longer))]
        return chains[0] + chains[1]

    def _chain(self, place: int) -> list[int | Weights]:
        """What a node is in a chain of products: factors of its own, weights of an attention, or a result."""
        transposed = self.nodes[place].name == "transpose"
        inner = self.nodes[place].operands[0] if transposed else place
        if self.nodes[inner].name in _PRODUCTS and (factors := self._inlined(inner)):
            return self._turned(factors) if transposed else factors
        weights = self._weights(inner, transposed)
        return [self._step(place) if weights is None else weights]

    def _inlined(self, product: int) -> list[int | Weights]:
        """The factors that stand for a product in a chain; none if it is computed by itself, once for all that need it.

        One that only this chain needs is not; nor is a matrix of tokens x tokens that comes in halves.
        """
        if len(self._users[product]) == 1:
            return self._factors(product)
        if self.node_axes[product] == TOKENS_BY_TOKENS and (halves := self._halves(self._factors(product))):
            return [halves[0], self._transpose(halves[1])]
        return []

    def _halves(self, factors: list[int | Weights]) -> tuple[int, int] | None:
        """Steps a and b, tokens x features, such that a chain of tokens x tokens is a · bᵀ; None if there are none."""
        halves = [
            (self._multiplied(factors[:i]), self._multiplied(self._turned(factors[i:])))
            for i in range(1, len(factors))
            if self._boundaries(factors)[i] is Axis.FEATURES
        ]
        return min(halves, key=lambda half: sum(map(self._cost, half)), default=None)

    def _cost(self, step: int) -> int:
        """The multiplications of a product; which of two is cheaper hardly depends on the sizes."""
        product = self.steps[step]
        return product.order(tokens=1024, head_size=64)[0] if isinstance(product, Product) else 0

    def _turned(self, factors: list[int | Weights]) -> list[int | Weights]:
        """The transpose of a chain."""
        return [
            replace(factor, transposed=not factor.transposed)
            if isinstance(factor, Weights)
            else self._transpose(factor)
            for factor in reversed(factors)
        ]

    def _weights(self, place: int, transposed: bool) -> Weights | None:
        """A softmax over tokens of a product, if nobody needs it but products."""
        if self.nodes[place].name != "softmax" or self.node_axes[place] != TOKENS_BY_TOKENS:
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
        halves = self._halves(self._turned(self._factors(scores)) if turned else self._factors(scores))
        if halves is None:
            return None
        weights = Weights(*halves, scales, negated, transposed=False)
        self._softmax[weights] = self._step(place)
        return replace(weights, transposed=transposed)


def _has_value(factors: list[int | Weights], boundaries: Sequence[Axis], place: int, transposed: bool) -> bool:
    for i in range(place - 1, -1, -1) if transposed else range(place + 1, len(factors)):
        factor = factors[i]
        if isinstance(factor, Weights) and factor.transposed is not transposed:
            return False
        if boundaries[i if transposed else i + 1] is Axis.FEATURES:
            return True
    return False


def _renumbered(step: Step, new: dict[int, int]) -> Step:
    if isinstance(step, Product):
        factors = [
            replace(f, query=new[f.query], key=new[f.key]) if isinstance(f, Weights) else new[f] for f in step.factors
        ]
        return replace(step, factors=tuple(factors))
    return replace(step, operands=tuple(new[o] for o in step.operands))
