"""A convolution becomes an attention, or the other way round (the inter-layer mutation of OP-NAS, arXiv 2107.07445)."""

import contextlib
import random
from collections.abc import Iterator, Sequence

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class SwapLayerType(LayerMutation):
    """One layer, drawn evenly, changes its type.

    A new convolution has a random kernel. A new attention is a random one, its operations drawn by weight; where a
    backbone has one formula for all attentions, it takes that.
    """

    name = "swap type"

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[tuple[Sequence[int], str]]:
        """Each layer with its new line; none in a space of one type."""
        if len(space.layer_types) < 2:
            return
        graphs = candidate.graphs
        for place in rng.sample(range(len(candidate.layers)), len(candidate.layers)):
            if place in graphs:
                for size in rng.sample(space.kernel_sizes, len(space.kernel_sizes)):
                    yield (place,), f"conv({size})"
            elif space.shared_attention and graphs:
                yield (place,), str(next(iter(graphs.values())))
            else:
                with contextlib.suppress(ValueError):  # none of the operations that have a weight mixes tokens
                    yield (place,), space.sample_attention(rng, weights)


register(SwapLayerType())
