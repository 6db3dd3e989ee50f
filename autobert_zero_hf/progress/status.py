"""How far a run is, in words: for a line of a log, and for the rows of a view."""

from collections.abc import Iterator, Sequence

from .plan import Plan, Planned
from .steps import Progress, clock, says_left


class Status:
    """What is known of a run while it goes on; a run that knows more has a class of its own.

    Args:
        about: what the phases are of, in a word or a few, such as a budget; empty where there is one thing alone.

    Attributes:
        progress: of the phase that is under way.
        plan: the phases of the run.
    """

    def __init__(self, about: str = ""):
        self.about = about
        self.progress: Progress | None = None
        self.plan = Plan()

    def expect(self, phases: Sequence[Planned]) -> None:
        """The run is to have these phases."""
        self.plan = Plan(phases)

    def lines(self) -> Iterator[str]:
        """How far the phase that is under way is, for a log; what it came to, if it is at its end."""
        progress = self.progress
        assert progress is not None
        about = f"{self.about}: " if self.about else ""
        if progress.ended:
            counted = [f"{progress.done:,} {progress.unit}"] if progress.unit else []
            yield f"{about}{progress.name}: {', '.join([*counted, *self.outcome(progress), clock(progress.seconds)])}"
            return
        place = self.plan.says_place()
        parts = [f"{progress.done:,}/{progress.total:,}", *self.course(progress), *self._times(progress)]
        yield f"{about}{progress.name}{f' ({place})' if place else ''}: {', '.join(parts)}"

    def _times(self, progress: Progress) -> Iterator[str]:
        yield f"left {says_left(progress.left)}"
        if self.plan.says_place():
            yield f"of the whole run {says_left(self.plan.left(progress))}"

    def course(self, progress: Progress) -> Iterator[str]:
        """What there is to say while a phase is under way, beside the numbers of its steps.

        Args:
            progress: of the phase.
        """
        if progress.note:
            yield progress.note

    def outcome(self, progress: Progress) -> Iterator[str]:
        """What a phase that is finished came to, in a few words.

        Args:
            progress: of the phase.
        """
        if not progress.unit and progress.note:  # the steps are nothing to count: what was found is all there is to say
            yield progress.note

    def rows(self, progress: Progress) -> Iterator[tuple[str, str]]:
        """What a view says below its bar: labels and words.

        Args:
            progress: of the phase.
        """
        yield "done", ", ".join([f"{progress.done:,} of {progress.total:,}", *self.course(progress)])

    def drawn(self, width: int, height: int, ascii_only: bool) -> Iterator[tuple[str, str, str]]:  # noqa: ARG002
        """What a view shows at its end, as there is room: labels, words and the style of the words.

        Args:
            width: columns of the words.
            height: rows that are left.
            ascii_only: whether the terminal has no other characters.
        """
        yield from ()
