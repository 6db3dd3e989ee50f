"""The events of a run that makes a trained encoder faster, layer by layer."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from autobert_zero_hf.options import Range

from .events import Count, Event, Milliseconds, Timed, event

if TYPE_CHECKING:
    from .history import History

Loss = Annotated[float, Range(0.0, 1e100)]
Losses = Annotated[list[float], Range(0.0, 1e100)]
Share = Annotated[list[float], Range(-1.001, 1.001)]


@event("encoder", once=True)
@dataclass(frozen=True, kw_only=True)
class Encoder(Timed):
    """The encoder, and how long it takes; `embeddings` are the milliseconds of these that no layer takes."""

    layers: list[str]
    parameters: Count
    median: Milliseconds
    p95: Milliseconds
    interval: tuple[float, float]
    passes: Count
    embeddings: Annotated[float, Range(0.0, 1e12)]
    hardware: str


@event("parts", unique={"layer": "a second line of parts of its layer"})
@dataclass(frozen=True, kw_only=True)
class LayerParts(Event):
    """The parts that may stand in the place of a layer, from 0, and the loss of each where it alone is swapped in.

    `found` are the best of the formulas that were found for it, and `found_errors` how far they are from the layer's.
    """

    layer: Count
    digest: str
    places: list[str]
    lines: list[str]
    losses: Losses
    found: list[str]
    found_errors: Losses

    def contradiction(self) -> str | None:
        """What is wrong with it in itself: lists of several lengths."""
        if not len(self.places) == len(self.lines) == len(self.losses):
            return "`places`, `lines` and `losses` are not of one length"
        return super().contradiction()


@event("price", unique={"line": "a second price of its line"})
@dataclass(frozen=True, kw_only=True)
class Price(Event):
    """The milliseconds that a layer of a line takes."""

    line: str
    milliseconds: Annotated[float, Range(0.0, 1e12)]


@event("assembled", unique={"budget": "a second assembly for its budget"})
@dataclass(frozen=True, kw_only=True)
class Assembled(Event):
    """The best assembly for a budget, and the best layer dropping, before they learn from the encoder.

    `choices` holds for each layer its parts, each as its place, a slash and its line; `kept` the layers, from 0, that
    the dropping keeps. `tried_predicted` and `tried_errors` are those of all assemblies that were looked at, and
    `random_predicted` and `random_errors` those of random ones near the budget, which chose nothing.
    """

    budget: str
    target: Milliseconds
    allowed: Annotated[float, Range(0.0, 1e12)]
    choices: list[list[str]]
    predicted: Loss
    error: Loss
    kept: Annotated[list[int], Range(0, 2**53)]
    kept_error: Loss
    tried_predicted: Losses
    tried_errors: Losses
    random_predicted: Losses = field(default_factory=list)
    random_errors: Losses = field(default_factory=list)

    def contradiction_to(self, before: "History") -> str | None:
        """What is wrong with it in its place: a layer more or less than the encoder has."""
        encoder: Any = before.first(Encoder)
        if encoder is None or len(encoder.layers) != len(self.choices):
            return "`choices` are not as many as the encoder has layers"
        return super().contradiction_to(before)


@event("healed", unique={"identity": "a second result of its model"})
@dataclass(frozen=True, kw_only=True)
class Healed(Event):
    """A model that has learnt from the encoder: `identity` is the budget, a slash and the name of its folder.

    `errors` are the squared errors of the last hidden states of each held-out row, as shares of the mean square;
    `neighbours` the share of ten nearest neighbours that stay, and `cosines` those with the encoder's vector, of each
    sentence; `agreements` the share of what the head says that is the same, in each row or of each sentence, None where
    it chooses nothing.
    """

    identity: str
    layers: list[str]
    parameters: Count
    digest: str
    errors: Losses
    neighbours: Share
    cosines: Share
    agreements: Annotated[list[float] | None, Range(-1.001, 1.001)] = None


@event("quantised", unique={"identity": "a second result of its model"})
@dataclass(frozen=True, kw_only=True)
class Quantised(Event):
    """The figures of a model as a runtime in int8 computes it, as in `Healed`; `identity` may be "encoder"."""

    identity: str
    errors: Losses
    neighbours: Share
    cosines: Share
    agreements: Annotated[list[float] | None, Range(-1.001, 1.001)] = None
