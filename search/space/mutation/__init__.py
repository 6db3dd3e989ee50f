"""Mutations of OP-NAS (arXiv 2107.07445): inter-layer ones, drawn evenly, and intra-layer ones, drawn by priority.

Each is a callable, `mutation(candidate, space, rng, weights=None)`, that gives a candidate of the space back, or None
where it does not apply. Another one is a file like these and a line in a table.
"""

import random
from collections.abc import Mapping

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import Mutation
from .change_kernel import ChangeKernel
from .delete_operation import DeleteOperation
from .insert_operation import InsertOperation
from .regrow import Regrow
from .replace_operation import ReplaceOperation
from .rewire_input import RewireInput
from .swap_layer_type import SwapLayerType

LAYOUT_MUTATIONS: Mapping[str, Mutation] = {mutation.name: mutation for mutation in (SwapLayerType(), ChangeKernel())}
"""Inter-layer: layer types and kernel sizes."""

GRAPH_MUTATIONS: Mapping[str, Mutation] = {
    mutation.name: mutation
    for mutation in (ReplaceOperation(), RewireInput(), InsertOperation(), DeleteOperation(), Regrow())
}
"""Intra-layer: the formulas of attention layers."""


def mutate_layout(candidate: Candidate, space: SearchSpace, rng: random.Random) -> Candidate:
    """One inter-layer mutation, drawn evenly among those that apply; the candidate as it is if none does."""
    return _mutate(LAYOUT_MUTATIONS, candidate, space, rng, None)


def mutate_graph(
    candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
) -> Candidate:
    """One intra-layer mutation, drawn evenly among those that apply; the candidate as it is if none does.

    New operations are drawn by `weights`.
    """
    return _mutate(GRAPH_MUTATIONS, candidate, space, rng, weights)


def _mutate(
    mutations: Mapping[str, Mutation],
    candidate: Candidate,
    space: SearchSpace,
    rng: random.Random,
    weights: Weights | None,
) -> Candidate:
    for name in rng.sample(list(mutations), len(mutations)):
        mutant = mutations[name](candidate, space, rng, weights)
        if mutant is not None:
            return mutant
    return candidate
