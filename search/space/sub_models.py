"""The sub-models of one backbone: its bottom layers in smaller sizes (AutoTinyBERT, 2021.acl-long.400)."""

import random
from dataclasses import dataclass, replace

from .candidate import Candidate
from .sizes import Sizes, SizesSpace


@dataclass(frozen=True)
class SubModels:
    """Backbones that differ in their sizes alone.

    Args:
        layers: of the largest one, from the bottom; BERT's are alike, a discovered backbone's need not be.
        sizes: the sizes that there are.

    Raises:
        ValueError: if the layers are not as many as the largest sizes have.
    """

    layers: tuple[str, ...]
    sizes: SizesSpace

    def __post_init__(self) -> None:
        if len(self.layers) != (most := self.sizes.largest.num_hidden_layers):
            raise ValueError(f"{len(self.layers)} layers, but sizes of up to {most}")

    def candidate(self, sizes: Sizes, parent: str | None = None, origin: str = "random") -> Candidate:
        """The sub-model of these sizes."""
        return Candidate(self.layers[: sizes.num_hidden_layers], parent, origin, sizes)

    def resized(self, candidate: Candidate, sizes: Sizes, rng: random.Random) -> Candidate:  # noqa: ARG002
        """The candidate in other sizes: the bottom layers of the backbone, as many as they say."""
        return replace(candidate, layers=self.layers[: sizes.num_hidden_layers], sizes=sizes)

    def rejection(self, candidate: Candidate) -> str | None:
        """Why a candidate does not belong to the space, in words; None if it does."""
        if candidate.sizes is None:
            return "it has no sizes"
        if candidate.layers != self.layers[: len(candidate.layers)]:
            return "its layers are not those of the backbone"
        return self.sizes.rejection(candidate.sizes)

    def sample(self, rng: random.Random) -> Candidate:
        """A random sub-model; each size is drawn evenly."""
        return self.candidate(self.sizes.sample(rng))

    @property
    def extremes(self) -> tuple[Candidate, Candidate]:
        """The largest sub-model and the smallest one."""
        return self.candidate(self.sizes.largest), self.candidate(self.sizes.smallest)
