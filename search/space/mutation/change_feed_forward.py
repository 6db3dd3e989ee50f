"""Another feed-forward block for a layer, where the space lets layers have blocks of their own.

As AutoTinyBERT's mutation of the feed-forward size (Yin et al. 2021, 2021.acl-long.400), for one layer alone.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.layers import Layer

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class ChangeFeedForward(LayerMutation):
    """One layer, drawn evenly, takes another of the space's feed-forward blocks, drawn evenly."""

    name = "change feed-forward"

    def is_for(self, space: Any) -> bool:
        """Whether the space has several blocks."""
        return len(space.feed_forwards) > 1

    def proposals(
        self, candidate: Candidate, space: SearchSpace, rng: random.Random, weights: Weights | None
    ) -> Iterator[Mapping[int, str]]:
        """Each layer with each other block."""
        for place in rng.sample(range(len(candidate.layers)), len(candidate.layers)):
            mixer = parse_layer(candidate.layers[place]).mixer
            for block in rng.sample(space.feed_forwards, len(space.feed_forwards)):
                yield {place: str(Layer(mixer, block))}


register(ChangeFeedForward())
