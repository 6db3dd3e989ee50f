"""Mutations of OP-NAS (arXiv 2107.07445): inter-layer ones, drawn evenly, and intra-layer ones, drawn by priority."""

import random

from autobert_zero_hf.model.graph import AttentionGraph, FormulaError, Node
from autobert_zero_hf.model.operations import operation

from .candidate import Candidate
from .sampling import Weights, draw_operation
from .search_space import SearchSpace

_TRIES = 50


def mutate_layout(candidate: Candidate, space: SearchSpace, rng: random.Random) -> Candidate:
    """Inter-layer: one layer, drawn evenly, changes its type, or, a convolution, its kernel with even chances."""
    place = rng.randrange(len(candidate.layers))
    if place in candidate.graphs:
        layer = space.sample_convolution(rng)
    elif rng.random() < 0.5 and len(space.kernel_sizes) > 1:
        layer = rng.choice([text for k in space.kernel_sizes if (text := f"conv({k})") != candidate.layers[place]])
    else:
        layer = space.sample_attention(rng)
    return _changed(candidate, place, layer, "layout")


def mutate_graph(
    candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
) -> Candidate:
    """Intra-layer: one operation of one attention is replaced, put in or taken out, each a third of the time.

    New operations are drawn by `weights`. A candidate without attention, and one whose graph admits none of the changes
    tried, comes back as it is.
    """
    if not candidate.graphs:
        return candidate
    place, graph = rng.choice(list(candidate.graphs.items()))
    for _ in range(_TRIES):
        change = rng.choice((_replace, _insert, _delete))
        try:
            mutant = change(graph, space, rng, weights)
        except FormulaError:  # too large
            continue
        if mutant != graph and space.accepts(mutant):
            return _changed(candidate, place, str(mutant), change.__name__.lstrip("_"))
    return candidate


def _changed(candidate: Candidate, place: int, layer: str, change: str) -> Candidate:
    layers = (*candidate.layers[:place], layer, *candidate.layers[place + 1 :])
    origin = ", ".join(filter(None, (candidate.origin, f"{change} in layer {place + 1}")))
    return Candidate(layers, candidate.parent, origin)


def _any_operation(graph: AttentionGraph, rng: random.Random) -> int:
    return rng.choice([place for place, node in enumerate(graph.nodes) if not node.is_input])


def _operands(name: str, kept: tuple[int, ...], before: int, rng: random.Random) -> tuple[int, ...]:
    """As many operands as the operation takes: kept ones, and earlier nodes for what is missing, in any order."""
    arity = operation(name).arity
    chosen = [*rng.sample(kept, min(arity, len(kept))), *(rng.randrange(before) for _ in range(arity - len(kept)))]
    rng.shuffle(chosen)
    return tuple(chosen)


def _replace(graph: AttentionGraph, space: SearchSpace, rng: random.Random, weights: Weights | None) -> AttentionGraph:
    place = _any_operation(graph, rng)
    name = draw_operation(rng, space.operations, weights)
    nodes = list(graph.nodes)
    nodes[place] = Node(name, _operands(name, nodes[place].operands, place, rng))
    return AttentionGraph.from_nodes(nodes)


def _insert(graph: AttentionGraph, space: SearchSpace, rng: random.Random, weights: Weights | None) -> AttentionGraph:
    """Put a new operation on top of a node; one user of the node, or the output, takes the new operation instead."""
    place = rng.randrange(len(graph.nodes))
    name = draw_operation(rng, space.operations, weights)
    nodes = [*graph.nodes, Node(name, _operands(name, (place,), place + 1, rng))]
    new = len(nodes) - 1
    users = [user for user, node in enumerate(graph.nodes) if place in node.operands]
    if not users:
        return AttentionGraph.from_nodes(nodes, new)
    user = rng.choice(users)
    at = rng.choice([i for i, o in enumerate(nodes[user].operands) if o == place])
    operands = nodes[user].operands
    nodes[user] = Node(nodes[user].name, (*operands[:at], new, *operands[at + 1 :]))
    return AttentionGraph.from_nodes(nodes, len(graph.nodes) - 1)


def _delete(graph: AttentionGraph, space: SearchSpace, rng: random.Random, weights: Weights | None) -> AttentionGraph:
    """Take an operation out: its users take one of its operands instead."""
    place = _any_operation(graph, rng)
    instead = rng.choice(graph.nodes[place].operands)
    nodes = [Node(node.name, tuple(instead if o == place else o for o in node.operands)) for node in graph.nodes]
    output = len(nodes) - 1
    return AttentionGraph.from_nodes(nodes, instead if output == place else output)
