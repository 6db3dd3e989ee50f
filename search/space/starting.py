"""A space whose first draws are backbones that somebody gave."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Self

from autobert_zero_hf.model import architecture, parse_layer
from autobert_zero_hf.model.architectures import ARCHITECTURES

from .candidate import Candidate
from .search_space import SearchSpace

GIVEN, PROPOSED = "given to begin with", "proposed by a program"
"""The origins of candidates that come from outside a search."""
_BETWEEN = " | "


@dataclass(frozen=True)
class StartingSpace(SearchSpace):
    """A space that first gives what it was given; each instance does so once.

    Args:
        starts: the candidates, which belong to the space.
    """

    starts: tuple[Candidate, ...] = ()
    _left: list[Candidate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_left", list(self.starts))

    @classmethod
    def of(cls, space: SearchSpace, starts: Sequence[Candidate]) -> Self:
        """A space that begins with some candidates."""
        known = {each.name: getattr(space, each.name) for each in fields(SearchSpace)}
        return cls(**known, starts=tuple(starts))

    def sample(self, rng: random.Random, attention: str | None = None) -> Candidate:
        """The next of the given candidates; once there is none, a random one."""
        return self._left.pop(0) if self._left else super().sample(rng, attention)


def written(layers: Sequence[str]) -> str:
    """A backbone on one line.

    >>> written(["conv(3)", "conv(5)"])
    'conv(3) | conv(5)'
    """
    return _BETWEEN.join(layers)


def start(line: str, space: SearchSpace) -> Candidate:
    """The candidate that a line gives, in the largest sizes and the first block of its space.

    Args:
        line: the layers, with | between them; or the name of an architecture, in as many layers as the space has.
        space: which it belongs to.

    Raises:
        ValueError: if a layer is not legal, or the candidate is none of the space; the reason is told.
    """
    lines = architecture(line, space.num_layers) if line in ARCHITECTURES else line.split(_BETWEEN.strip())
    layers = tuple(str(parse_layer(layer.strip())) for layer in lines)
    sizes = None if space.sizes is None else replace(space.sizes.largest, num_hidden_layers=len(layers))
    candidate = Candidate(layers, origin=GIVEN, sizes=sizes, block=space.blocks[0] if space.blocks else None)
    if (reason := space.rejection(candidate)) is not None:
        raise ValueError(reason)
    return candidate
