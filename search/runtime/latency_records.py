"""The events of latencies: what is asked for, of which model, and how long candidates take."""

from dataclasses import dataclass
from typing import Annotated

from autobert_zero_hf.options import Range

from ..latency.band import Verdict
from ..latency.measuring import Latency
from .events import Count, Event, Milliseconds, Seconds, Timed, event


@event("latency", once=True)
@dataclass(frozen=True, kw_only=True)
class LatencyTarget(Event):
    """The latency that candidates have to meet, in milliseconds, and how well it is predicted."""

    target: Milliseconds
    base: Annotated[float | None, Range(1e-9, 1e12)]
    hardware: str
    prediction_error: Annotated[float, Range(0.0, 1e100)]
    samples: Count


@event("base", unique={"model": "the second of its model"})
@dataclass(frozen=True, kw_only=True)
class Base(Timed):
    """The latency of the model that shrunken ones are to be faster than; None is the largest sub-model.

    `digest` is that of the model's files.
    """

    model: str | None
    interval: tuple[float, float]
    median: Milliseconds
    p95: Milliseconds
    passes: Count
    digest: str | None = None


@event("measured", unique={"identity": "the second of its candidate"})
@dataclass(frozen=True, kw_only=True)
class Measured(Timed):
    """The latency of a candidate."""

    identity: str
    median: Milliseconds
    p95: Milliseconds
    interval: tuple[float, float]
    passes: Count
    waited: Seconds
    verdict: Verdict

    @classmethod
    def of(cls, identity: str, latency: Latency, verdict: Verdict) -> "Measured":
        """The event of a latency, and whether it keeps to what is asked for."""
        known = {name: getattr(latency, name) for name in ("median", "p95", "interval", "passes", "waited")}
        return cls(identity=identity, verdict=verdict, **known)
