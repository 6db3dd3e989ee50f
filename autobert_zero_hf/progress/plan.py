"""The phases that a run is to have: which of them is under way, and how long all of them will take."""

from collections.abc import Sequence
from dataclasses import dataclass

from .steps import Progress


@dataclass(frozen=True)
class Planned:
    """A phase of a run.

    Args:
        name: as the phase is called when it begins.
        work: how much it does, in a unit of the run's own, such as the rows that a model is trained on; 0 for what
            takes next to no time beside the others, and None where nobody can tell beforehand.
        about: what it is of, such as a budget, where several parts of a run have phases of this name.
    """

    name: str
    work: float | None = None
    about: str = ""


class Plan:
    """Follows the phases of a run, and learns from those that it saw how long a unit of work takes.

    A phase that is done already is left out by the run; the numbers of the others stay.

    Args:
        phases: in their order; of one name there may be several.
    """

    def __init__(self, phases: Sequence[Planned] = ()):
        self._phases = list(phases)
        self._place: int | None = None
        self._next = 0
        self._work = self._seconds = 0.0

    def begin(self, name: str, about: str = "") -> None:
        """A phase begins; one that is not of the plan has no number.

        Args:
            name: of the phase.
            about: what it is of.
        """
        later = list(enumerate(self._phases))[self._next :]
        self._place = next((place for place, each in later if each.name == name and each.about in ("", about)), None)
        if self._place is not None:
            self._next = self._place + 1

    def end(self, progress: Progress) -> None:
        """The phase ends: what it took tells of those that follow."""
        work, seconds = self._seen(progress)
        self._work, self._seconds, self._place = self._work + work, self._seconds + seconds, None

    def says_place(self) -> str:
        """Which phase it is, of how many; empty where the run has no plan, or the phase is not of it."""
        return "" if self._place is None else f"phase {self._place + 1} of {len(self._phases)}"

    def left(self, progress: Progress) -> float | None:
        """Seconds to the end of the run, if a unit of work takes as long as those before; None where that is unknown.

        Args:
            progress: of the phase that is under way.
        """
        if self._place is None or progress.left is None:
            return None
        to_come = 0.0
        for phase in self._phases[self._place + 1 :]:
            if phase.work is None:
                return None
            to_come += phase.work
        if not to_come:
            return progress.left
        work, seconds = self._seen(progress)
        work, seconds = self._work + work, self._seconds + seconds
        return progress.left + to_come * seconds / work if work else None

    def _seen(self, progress: Progress) -> tuple[float, float]:
        """The work that this run of a phase has done, and the seconds that it took."""
        phase = None if self._place is None else self._phases[self._place]
        if phase is None or not phase.work or progress.rate is None:
            return 0.0, 0.0
        return phase.work * (progress.done - progress.before) / progress.total, progress.last - progress.start
