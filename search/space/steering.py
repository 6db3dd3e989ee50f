"""A person's hand on a search: layers that stay, what may not be used, and what is drawn more often.

As in NAS-Navigator (Tyagi et al. 2022, arXiv 2009.13008), where who watches a search narrows it while it runs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.graph import FormulaError

_PIN = re.compile(r"\s*(\d{1,4})\s*:\s*(.+?)\s*", re.DOTALL)
STEERED = "steered"
"""The change of a candidate that is made to keep to what somebody wants."""
PREFERENCE = 3.0
"""How many times as often as others an operation is drawn that is preferred."""


@dataclass(frozen=True)
class Steering:
    """What a search keeps to.

    Args:
        pinned: lines by the places of layers, from 0: all candidates have these there, where they have that layer.
        forbidden: names of operations, and kinds of layers, that no candidate has.
        preferred: names of operations that are drawn three times as often as others.
    """

    pinned: Mapping[int, str]
    forbidden: frozenset[str]
    preferred: frozenset[str]

    @classmethod
    def of(cls, pins: Sequence[str], forbidden: Sequence[str], preferred: Sequence[str]) -> "Steering | None":
        """What a recipe says; None if it says nothing.

        Args:
            pins: each a place, from 1, and a line: "2: conv(9)".
            forbidden: names.
            preferred: names.

        Raises:
            ValueError: if a pin is none; the reason is told.
        """
        if not pins and not forbidden and not preferred:
            return None
        pinned: dict[int, str] = {}
        for pin in pins:
            if (found := _PIN.fullmatch(pin)) is None or (place := int(found[1]) - 1) < 0:
                raise ValueError(f"{excerpt(pin)}: a pin is a layer's number and its line, such as '2: conv(9)'")
            if place in pinned:
                raise ValueError(f"{excerpt(pin)}: layer {place + 1} has a pin already")
            try:
                pinned[place] = str(parse_layer(found[2]))
            except FormulaError as error:
                raise ValueError(f"{excerpt(pin)}: {error.reason}") from error
        return cls(pinned, frozenset(forbidden), frozenset(preferred))

    def rejection(self, layers: Sequence[str]) -> str | None:
        """Why a backbone is not one that the search keeps to, in words; None if it is."""
        for place, line in self.pinned.items():
            if place < len(layers) and parse_layer(layers[place]).identity != parse_layer(line).identity:
                return f"layer {place + 1} is to be {line}"
        return None

    def weighted(self, names: Sequence[str], weights: Mapping[str, float] | None) -> Mapping[str, float] | None:
        """The weights that operations are drawn by: those that are given, and what is preferred.

        Args:
            names: of all operations.
            weights: None where they are drawn evenly.
        """
        if not self.preferred:
            return weights
        given = dict.fromkeys(names, 1.0) if weights is None else weights
        return {name: weight * (PREFERENCE if name in self.preferred else 1.0) for name, weight in given.items()}

    def __str__(self) -> str:
        said = [f"layer {place + 1} is {line}" for place, line in sorted(self.pinned.items())]
        said += [f"without {', '.join(sorted(self.forbidden))}"] if self.forbidden else []
        said += [f"rather with {', '.join(sorted(self.preferred))}"] if self.preferred else []
        return "; ".join(said)
