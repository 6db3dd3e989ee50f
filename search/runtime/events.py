"""What every event of a journal is: a dataclass, registered by its name, that says when it does not agree.

Its line has the fields in the order in which they stand in the class. In a version that is known, all kinds of events
and all of their fields are known: another one is damage.
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeVar

from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.options import Range

if typing.TYPE_CHECKING:
    from .history import History

Count = Annotated[int, Range(0, 2**53)]
Counts = Annotated[list[int], Range(0, 2**53)]
Seconds = Annotated[float, Range(0.0, 1e12)]
Curve = Annotated[list[float] | None, Range(-1e100, 1e100)]
Milliseconds = Annotated[float, Range(1e-9, 1e12)]
# What is as large as no score can be is damage, too, and more than a chart can show.
Score = Annotated[float | None, Range(-1e100, 1e100)]
Error = Annotated[float | None, Range(0.0, 1e100)]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a journal; what every kind of event has.

    Args:
        elapsed: seconds of the search when it was written; the journal sets it, and writes it last.
    """

    name_in_journal: ClassVar[str]
    once: ClassVar[bool]
    unique: ClassVar[Mapping[str, str]]

    elapsed: Seconds = 0.0

    def left_out(self) -> set[str]:
        """The names of the fields that its line lacks: those that need not be there, where they are None."""
        return {field.name for field in fields(self) if field.default is None and getattr(self, field.name) is None}

    def contradiction(self) -> str | None:
        """What in the event does not agree with itself, in words; None if all is well."""
        return None

    def contradiction_to(self, before: "History") -> str | None:  # noqa: ARG002
        """What in the event does not agree with those before it, in words; None if all is well."""
        return None


EventT = TypeVar("EventT", bound=Event)

KINDS: dict[str, type[Event]] = {}
"""The kinds of events by their names in the journal."""


def event(
    name: str, *, once: bool = False, unique: Mapping[str, str] = MappingProxyType({})
) -> Callable[[type[EventT]], type[EventT]]:
    """A decorator that registers a dataclass as a kind of event.

    Args:
        name: of the kind, as lines have it.
        once: whether a journal holds one of its kind at most.
        unique: fields whose value no two events of the kind share, each with what is said of a second one.
    """

    def register(kind: type[EventT]) -> type[EventT]:
        kind.name_in_journal, kind.once, kind.unique = name, once, unique
        KINDS[name] = kind
        return kind

    return register


class Timed(Event):
    """An event with a measured latency."""

    median: float
    interval: tuple[float, float]

    def speed_up_over(self, base: "Timed") -> dict[str, Any]:
        """How many times as fast as another, and from which ratio to which the two intervals reach."""
        (quick, slow), (least, most) = base.interval, self.interval
        return {"median": base.median / self.median, "interval": [quick / most, slow / least]}

    def contradiction(self) -> str | None:
        """An interval that does not hold the median."""
        low, high = self.interval
        if not 0 < low <= self.median <= high:
            return f"`interval` does not enclose the median: {excerpt([low, high])}"
        return super().contradiction()
