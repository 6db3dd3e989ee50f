"""A layer changes its type (the inter-layer mutation of OP-NAS, arXiv 2107.07445)."""

import contextlib
import random
from collections.abc import Iterator, Mapping

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.graph import FormulaError

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class SwapLayerType(LayerMutation):
    """One layer, drawn evenly, changes its type, to another one that is drawn evenly.

    A new convolution has a random kernel. A new attention is a random one, its operations drawn by weight; where a
    backbone has one formula for all attentions, it takes that. The feed-forward block stays.
    """

    name = "swap type"

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Mapping[int, str]]:
        """Each layer with its new line; none in a space of one type."""
        if len(space.types) < 2:
            return
        graphs = candidate.graphs
        shared = next(iter(graphs.values())) if space.shared_attention and graphs else None
        for place in rng.sample(range(len(candidate.layers)), len(candidate.layers)):
            layer = parse_layer(candidate.layers[place])
            others = [each for name, each in space.types.items() if name != layer.mixer.kind]
            # Of a single one nothing is drawn.
            for other in rng.sample(others, len(others)) if len(others) > 1 else others:
                if other.kind.takes_formula and shared is None:
                    with contextlib.suppress(ValueError):  # none of the operations that have a weight mixes tokens
                        mixer = space.sample_layer(other, rng, weights=weights).mixer
                        yield {place: str(layer.with_mixer(mixer))}
                else:
                    with contextlib.suppress(FormulaError):  # the shared formula is none for this kind
                        for mixer in other.lines(rng, shared):
                            yield {place: str(layer.with_mixer(mixer))}


register(SwapLayerType())
