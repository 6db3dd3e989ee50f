"""Another number for a layer, such as a convolution's kernel (the inter-layer mutation of OP-NAS, arXiv 2107.07445)."""

import random
from collections.abc import Iterator, Mapping

from autobert_zero_hf.model import parse_layer

from ..candidate import Candidate
from ..sampling import Weights
from ..search_space import SearchSpace
from .base import LayerMutation
from .table import register


class ChangeKernel(LayerMutation):
    """One layer whose kind has a number, drawn evenly, takes another of those that the space has, drawn evenly."""

    name = "change kernel"

    def proposals(
        self,
        candidate: Candidate,
        space: SearchSpace,
        rng: random.Random,
        weights: Weights | None,
    ) -> Iterator[Mapping[int, str]]:
        """Each layer that has a number with each other one."""
        layers = {place: parse_layer(text) for place, text in enumerate(candidate.layers)}
        numbered = [place for place, layer in layers.items() if layer.mixer.numbers]
        for place in rng.sample(numbered, len(numbered)):
            mixer = layers[place].mixer
            for changed in space.types[mixer.kind].lines(rng, mixer.graph):
                yield {place: str(layers[place].with_mixer(changed))}


register(ChangeKernel())
