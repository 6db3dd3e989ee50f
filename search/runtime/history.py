"""A run, replayed from its journal: the events, and what they come to."""

import bisect
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from autobert_zero_hf.folders import BEST

from .events import Event
from .latency_records import Base, LatencyTarget, Measured
from .records import (
    EXTENDED,
    STEERED,
    Baseline,
    Budgets,
    ConstantAnswer,
    Data,
    Evaluated,
    Extended,
    Finished,
    Start,
    Steered,
    Trained,
    TrainedSuperNet,
)

EventT = TypeVar("EventT", bound=Event)


class RecordError(ValueError):
    """A line that is no event, or an event that does not belong where it stands.

    Attributes:
        line: its number, from 1.
    """

    line = 1


class History:
    """What happened in a run, event by event.

    Args:
        events: in the order in which they were written.

    Attributes:
        events: all of them.
        candidates: those that were evaluated, in the order in which they were asked for.
        best: the one with the highest score, of several the one that was asked for first; None as long as there is
            none.
        finalists: by their names, what came of their last training.
        elapsed: seconds that the run has taken.
    """

    def __init__(self, events: Iterable[Event] = ()):
        self.events: list[Event] = []
        self.candidates: list[Evaluated] = []
        self.best: Evaluated | None = None
        self.finalists: dict[str, Trained] = {}
        self.elapsed: float = 0.0
        self._options: dict[str, Any] | None = None
        self._of_kind: dict[type[Event], list[Any]] = {}
        self._by_value: dict[tuple[type[Event], str, Any], Any] = {}
        for event in events:
            self.add(event)

    def check(self, event: Event) -> None:
        """See that an event can follow.

        Raises:
            RecordError: if it does not agree with those before it.
        """
        kind = type(event)
        if isinstance(event, Start) == bool(self.events):
            raise RecordError("`start` is the first event, and no other is")
        if kind.once and self.of(kind):
            raise RecordError("the second of its kind")
        # What it says of others is looked at before whether it is there twice.
        if (problem := event.contradiction_to(self)) is not None:
            raise RecordError(problem)
        for name, twice in kind.unique.items():
            if self.find(kind, name, getattr(event, name)) is not None:
                raise RecordError(twice)

    def add(self, event: Event) -> None:
        """Take in the next event."""
        kind = type(event)
        self.events.append(event)
        self._of_kind.setdefault(kind, []).append(event)
        self._by_value |= {(kind, name, getattr(event, name)): event for name in kind.unique}
        self.elapsed = max(self.elapsed, event.elapsed)
        if isinstance(event, Evaluated):
            bisect.insort(self.candidates, event, key=lambda each: each.number)
            if event.score is not None and (self.best is None or _rank(event) > _rank(self.best)):
                self.best = event
        elif isinstance(event, Trained):
            self.finalists[event.name] = event
        elif isinstance(event, Steered):
            self._options = {**self.recipe, **{name: getattr(event, name) for name in STEERED}}
        elif isinstance(event, Extended):
            self._options = {**self.recipe, **{name: getattr(event, name) for name in EXTENDED}}
            self.finalists = {}
            for kind in (Baseline, Finished):
                self._of_kind.pop(kind, None)

    def of(self, kind: type[EventT]) -> Sequence[EventT]:
        """All events of a kind, in the order in which they were written."""
        return self._of_kind.get(kind, [])

    def first(self, kind: type[EventT]) -> EventT | None:
        """The first event of a kind; None as long as there is none."""
        return next(iter(self.of(kind)), None)

    def find(self, kind: type[EventT], name: str, value: Any) -> EventT | None:
        """The event of a kind that has a value in one of its unique fields; None as long as there is none."""
        found: EventT | None = self._by_value.get((kind, name, value))
        return found

    @property
    def start(self) -> Start:
        """The event that began the run.

        Raises:
            RecordError: if nothing is written yet.
        """
        if (start := self.first(Start)) is None:
            raise RecordError("there is no event yet")
        return start

    @property
    def recipe(self) -> dict[str, Any]:
        """The options of the run, with the last budget and steering; what its version did not have is as by default."""
        return self.start.options if self._options is None else self._options

    @property
    def next_generation(self) -> int:
        """The number of the first generation of which no candidate is evaluated, from 0."""
        return 1 + max((each.generation for each in self.candidates), default=-1)

    @property
    def data(self) -> Data | None:
        """The text, once it is read."""
        return self.first(Data)

    @property
    def latency(self) -> LatencyTarget | None:
        """The latency to be met, once it is known; None where there is none."""
        return self.first(LatencyTarget)

    @property
    def supernet(self) -> TrainedSuperNet | None:
        """The super-net, once it is trained."""
        return self.first(TrainedSuperNet)

    @property
    def constant_answer(self) -> ConstantAnswer | None:
        """What an answer without a model scores; older versions did not write it down."""
        return self.first(ConstantAnswer)

    @property
    def scored(self) -> list[Evaluated]:
        """The candidates that have a score, in the order in which they were asked for."""
        return [each for each in self.candidates if each.score is not None]

    @property
    def drawn(self) -> list[Evaluated]:
        """Those with a score that nothing led to but chance; none where a measure said which were evaluated."""
        return [] if self.recipe.get("screen_by") else [each for each in self.scored if each.is_drawn]

    @property
    def baseline(self) -> Baseline | None:
        """What the BERT beside the winner scored; None where it was among the candidates, or is not scored yet."""
        return self.first(Baseline)

    @property
    def winner(self) -> Trained | None:
        """The best backbone after its last training."""
        return self.finalists.get(BEST)

    def measured(self, identity: str) -> Measured | None:
        """The latency of a candidate, where it was measured."""
        return self.find(Measured, "identity", identity)

    @property
    def bases(self) -> Sequence[Base]:
        """The models that shrunken ones are to be faster than."""
        return self.of(Base)

    @property
    def budgets(self) -> Budgets | None:
        """The budgets of a shrink; no search has any."""
        return self.first(Budgets)

    @property
    def finished(self) -> Finished | None:
        """The end, once it is reached."""
        return self.first(Finished)


def _rank(event: Evaluated) -> tuple[float, int]:
    assert event.score is not None
    return event.score, -event.number
