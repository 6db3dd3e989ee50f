"""What mutations share: a proposal is checked against the space, and a graph is taken apart to be changed."""

import contextlib
import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.axes import infer_axes
from autobert_zero_hf.model.graph import AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.operations import TOKENS_BY_FEATURES, Axes, Axis, operation

from ..candidate import Candidate
from ..sampling import Weights, can_be_drawn, draw_operation
from ..search_space import SearchSpace
from .table import Level

Operands = tuple[int, ...]
Change = tuple[Sequence[Node], int]
"""Nodes, of which some may be of no use any more, and the place of the output."""

Where = TypeVar("Where")

_EVERY_AXES: tuple[Axes, ...] = tuple(itertools.product(Axis, Axis))


def described(origin: str, change: str) -> str:
    """The origin of a mutant: what its parent was made by, and the change."""
    return ", ".join(filter(None, (origin, change)))


class LayerMutation(ABC):
    """A small random change of a candidate's layers; its `name` stands in the candidate's origin."""

    name: str
    level: ClassVar[Level] = "layout"

    def is_for(self, space: Any) -> bool:
        """Whether the mutation can change anything in a space; in others it is not drawn."""
        return True

    @abstractmethod
    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Mapping[int, str]]:
        """Lines by the places of the layers that could change to them, in random order."""

    def __call__(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
    ) -> Candidate | None:
        """The first proposal that belongs to the space; None if none does."""
        for lines in self.proposals(candidate, space, rng, weights):
            layers = tuple(lines.get(place, layer) for place, layer in enumerate(candidate.layers))
            change = f"{self.name} in {' and '.join(f'layer {place + 1}' for place in lines)}"
            mutant = replace(candidate, layers=layers, origin=described(candidate.origin, change))
            if mutant != candidate and space.rejection(mutant) is None:
                return mutant
        return None


class GraphMutation(LayerMutation):
    """A change of the formula of one attention layer, drawn evenly; of all of them if the space has them share it.

    Args:
        tries: the changes that are tried on a formula before the next layer has its turn.

    Raises:
        ValueError: if `tries` is less than 1.
    """

    level: ClassVar[Level] = "graph"

    def __init__(self, tries: int = 20):
        if tries < 1:
            raise ValueError(f"tries must be at least 1, not {tries}")
        self.tries = tries

    @abstractmethod
    def changes(
        self, draft: "Draft", space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Change]:
        """Changed graphs, legal by their axes, in random order; endless ones are cut off."""

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Mapping[int, str]]:
        """Each formula that a change makes of a layer's."""
        graphs = candidate.graphs
        for place in rng.sample(list(graphs), len(graphs)):
            changes = self.changes(Draft(graphs[place], space.inputs), space, rng, weights)
            for nodes, output in itertools.islice(changes, self.tries):
                with contextlib.suppress(FormulaError):  # larger than a formula may be
                    mutant = AttentionGraph.from_nodes(nodes, output)
                    if mutant != graphs[place] and space.accepts(mutant):
                        places = tuple(graphs) if space.shared_attention else (place,)
                        yield {each: str(parse_layer(candidate.layers[each]).with_graph(mutant)) for each in places}


class Draft:
    """A graph taken apart: all inputs of the space, used or not, then the operations, with their axes."""

    def __init__(self, graph: AttentionGraph, inputs: Iterable[str]):
        names = dict.fromkeys((*inputs, *graph.inputs))
        self.nodes: list[Node] = [Node(name) for name in names]
        self.axes: list[Axes] = [TOKENS_BY_FEATURES] * len(names)
        self.places: list[int] = []
        """Where the graph's own nodes stand here."""
        inputs_at = {name: place for place, name in enumerate(names)}
        for node, axes in zip(graph.nodes, infer_axes(graph).axes, strict=True):
            if node.is_input:
                self.places.append(inputs_at[node.name])
            else:
                self.places.append(len(self.nodes))
                self.nodes.append(Node(node.name, tuple(self.places[o] for o in node.operands)))
                self.axes.append(axes)
        self.output = self.places[-1]
        self.operations = [place for place, node in enumerate(self.nodes) if not node.is_input]
        self.edges = [(user, at) for user in self.operations for at in range(len(self.nodes[user].operands))]
        """Each operand of each operation, as the operation's place and the operand's number."""

    def fitting(self, place: int) -> list[Axes]:
        """The axes that a node could have, all else being as it is, for the graph to be legal."""
        return [axes for axes in _EVERY_AXES if self._legal_with(place, axes)]

    def _legal_with(self, changed: int, axes: Axes) -> bool:
        kinds = [*self.axes[:changed], axes, *self.axes[changed + 1 :]]
        for place in range(changed + 1, len(self.nodes)):
            node = self.nodes[place]
            if node.is_input:
                continue
            result = operation(node.name).legal_axes.get(tuple([kinds[o] for o in node.operands]))
            if result is None:
                return False
            kinds[place] = result
        return kinds[self.output] == TOKENS_BY_FEATURES

    def fitting_operand(self, user: int, at: int) -> list[Axes]:
        """The axes that one operand of one operation could have, all else being as it is."""
        fitting, rule = self.fitting(user), operation(self.nodes[user].name)
        kinds = [self.axes[o] for o in self.nodes[user].operands]
        return [axes for axes in _EVERY_AXES if rule.legal_axes.get((*kinds[:at], axes, *kinds[at + 1 :])) in fitting]

    def independent(self, place: int) -> list[int]:
        """The nodes that a node can have as operands without a circle: those that do not need it."""
        above = {place}
        for user in self.operations:
            if above.intersection(self.nodes[user].operands):
                above.add(user)
        return [other for other in range(len(self.nodes)) if other not in above]

    def legal_operands(self, name: str, kept: Operands, free: Sequence[int], axes: Sequence[Axes]) -> list[Operands]:
        """Operands in any order, kept ones first of all and free ones for what is missing, with such a result."""
        rule = operation(name)
        choices: Iterable[Operands] = itertools.permutations(kept, rule.arity)
        if rule.arity > len(kept):
            choices = (pair for one in kept for other in free for pair in ((one, other), (other, one)))
        kinds = ((choice, tuple([self.axes[o] for o in choice])) for choice in dict.fromkeys(choices))
        return [choice for choice, kind in kinds if rule.legal_axes.get(kind) in axes]

    def with_operand(self, user: int, at: int, new: int) -> list[Node]:
        """The nodes after one operand of one operation changed."""
        node = self.nodes[user]
        changed = Node(node.name, (*node.operands[:at], new, *node.operands[at + 1 :]))
        return [*self.nodes[:user], changed, *self.nodes[user + 1 :]]

    def with_instead(self, place: int, new: int) -> tuple[list[Node], int]:
        """The nodes and the output after all users of a node took another one."""
        nodes = [Node(node.name, tuple([new if o == place else o for o in node.operands])) for node in self.nodes]
        return nodes, new if self.output == place else self.output


def draws(
    options: Mapping[str, Mapping[Where, Sequence[Operands]]], rng: random.Random, weights: Weights | None
) -> Iterator[tuple[str, Where, Operands]]:
    """Draws operations, places and operands there without end: the operation by weight, the rest evenly."""
    names = can_be_drawn([name for name, places in options.items() if places], weights)
    places = {name: list(options[name]) for name in names}
    while names:
        # The operation first: were the place first, one that a single operation fits would overrule the weights.
        name = draw_operation(rng, names, weights)
        where = rng.choice(places[name])
        yield name, where, rng.choice(options[name][where])
