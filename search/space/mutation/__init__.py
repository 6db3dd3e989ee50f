"""Mutations of OP-NAS (arXiv 2107.07445): inter-layer ones, drawn evenly, and intra-layer ones, drawn by priority.

Where candidates have sizes of their own, these are a third level, with the mutation of AutoTinyBERT. Each is a
callable, `mutation(candidate, space, rng, weights=None)`, that gives a candidate of the space back, or None where it
does not apply. Another one is a file like these and a line in a table.
"""

import random
from collections.abc import Mapping
from typing import ClassVar, Protocol

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from ..space import SizedSpace
from .change_feed_forward import ChangeFeedForward
from .change_kernel import ChangeKernel
from .change_sizes import ChangeSizes
from .delete_operation import DeleteOperation
from .insert_operation import InsertOperation
from .regrow import Regrow
from .replace_operation import ReplaceOperation
from .rewire_input import RewireInput
from .swap_layer_type import SwapLayerType


class Mutation(Protocol):
    """A small random change of a candidate; its `name` stands in the candidate's origin."""

    name: ClassVar[str]

    def __call__(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
    ) -> Candidate | None:
        """A mutant of the space; None where the mutation does not apply."""
        ...


LAYOUT_MUTATIONS: Mapping[str, Mutation] = {mutation.name: mutation for mutation in (SwapLayerType(), ChangeKernel())}
"""Inter-layer: layer types and kernel sizes."""

GRAPH_MUTATIONS: Mapping[str, Mutation] = {
    mutation.name: mutation
    for mutation in (ReplaceOperation(), RewireInput(), InsertOperation(), DeleteOperation(), Regrow())
}
"""Intra-layer: the formulas of attention layers."""

CHANGE_FEED_FORWARD = ChangeFeedForward()
"""Inter-layer, too, in spaces of several feed-forward blocks."""

CHANGE_SIZES = ChangeSizes()
"""The one of sizes; it is for any space whose candidates have them."""


def mutate_layout(candidate: Candidate, space: SearchSpace, rng: random.Random) -> Candidate:
    """One inter-layer mutation, drawn evenly among those that apply; the candidate as it is if none does."""
    mutations = dict(LAYOUT_MUTATIONS)
    if len(space.feed_forwards) > 1:  # in a space of one it is not drawn, on which the other draws depend
        mutations[CHANGE_FEED_FORWARD.name] = CHANGE_FEED_FORWARD
    return _mutate(mutations, candidate, space, rng, None)


def mutate_graph(
    candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None = None
) -> Candidate:
    """One intra-layer mutation, drawn evenly among those that apply; the candidate as it is if none does.

    New operations are drawn by `weights`.
    """
    return _mutate(GRAPH_MUTATIONS, candidate, space, rng, weights)


def mutate_sizes(candidate: Candidate, space: SizedSpace, rng: random.Random) -> Candidate:
    """Other sizes; the candidate as it is if it has none of its own, or no others are legal."""
    return CHANGE_SIZES(candidate, space, rng) or candidate


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
