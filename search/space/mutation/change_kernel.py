"""Another kernel for a convolution (the inter-layer mutation of OP-NAS, arXiv 2107.07445)."""

import random
from collections.abc import Iterator, Sequence

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class ChangeKernel(LayerMutation):
    """One convolution, drawn evenly, takes another of the space's kernels, drawn evenly."""

    name = "change kernel"

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[tuple[Sequence[int], str]]:
        """Each convolution with each other kernel."""
        graphs = candidate.graphs
        convolutions = [place for place in range(len(candidate.layers)) if place not in graphs]
        for place in rng.sample(convolutions, len(convolutions)):
            for size in rng.sample(space.kernel_sizes, len(space.kernel_sizes)):
                yield (place,), f"conv({size})"


register(ChangeKernel())
