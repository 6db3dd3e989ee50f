"""What is said of how far a run is: the place of a phase, the time that is left, and what came of it."""

import pytest

from autobert_zero_hf.progress.plan import Plan, Planned
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.progress.status import Status
from autobert_zero_hf.progress.steps import Progress, clock, says_left

PHASES = (Planned("Text", 0.0), Planned("Super-net", 600.0), Planned("Candidates", 300.0), Planned("Final", 100.0))


class Clock:
    """Tells the time that a test says it is."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def phase(now: Clock, name: str, total: int, steps: int, seconds: float, done: int = 0) -> Progress:
    """A phase of which so many further steps took so long each."""
    progress = Progress(name, total, done, now=now)
    for step in range(done + 1, done + steps + 1):
        now.time += seconds
        progress.step(step)
    return progress


def test_the_time_left_of_a_run_is_by_the_work_that_is_to_come() -> None:
    plan, now = Plan(PHASES), Clock()
    plan.begin("Text")
    text = phase(now, "Text", 3, 2, 5.0)
    assert plan.says_place() == "phase 1 of 4"
    assert plan.left(text) is None, "what takes next to no time says nothing of the rest"
    text.step(3)
    plan.end(text)
    plan.begin("Super-net")
    few = phase(now, "Super-net", 60, 2, 1.0)
    assert (few.left, plan.left(few)) == (None, None)
    half = phase(now, "Super-net", 60, 30, 1.0)
    assert half.left == pytest.approx(30)
    assert plan.left(half) == pytest.approx(30 + 400 * 30 / 300), "a unit of work takes a tenth of a second"
    now.time += 10  # a step that takes long
    assert plan.left(half) == pytest.approx(20 + 40)
    now.time -= 10
    plan.end(phase(now, "Super-net", 60, 60, 1.0))
    plan.begin("Candidates")
    assert plan.says_place() == "phase 3 of 4"
    # Candidates are half as quick as the super-net lets expect; both count by their work.
    slow = phase(now, "Candidates", 30, 15, 2.0)
    assert plan.left(slow) == pytest.approx(30 + 100 * (60 + 30) / (600 + 150))
    plan.end(slow)
    plan.begin("Final")
    assert plan.left(phase(now, "Final", 10, 5, 3.0)) == pytest.approx(15), "the last phase is the rest of the run"


def test_what_nobody_can_know_is_not_known_yet() -> None:
    plan, now = Plan([Planned("Super-net", 600.0), Planned("Layers"), Planned("Final", 100.0)]), Clock()
    plan.begin("Super-net")
    assert plan.left(phase(now, "Super-net", 60, 30, 1.0)) is None, "a phase to come is of unknown length"
    plan.begin("Layers")
    assert plan.left(phase(now, "Layers", 4, 3, 1.0)) is None, "none was seen whose work is known"
    assert (says_left(None), says_left(75.4), says_left(4000)) == ("not known yet", "about 1:15", "about 1h 06m")


def test_a_run_that_goes_on_learns_from_its_own_steps_alone() -> None:
    plan, now = Plan(PHASES), Clock()
    plan.begin("Candidates")  # the phases before were done yesterday
    assert plan.says_place() == "phase 3 of 4"
    known = phase(now, "Candidates", 30, 5, 2.0, done=20)
    assert plan.left(known) == pytest.approx(10 + 100 * 10 / 50)


def test_phases_of_one_name_follow_each_other_and_others_have_no_place() -> None:
    plan = Plan([Planned("Prices"), Planned("Layers"), Planned("Prices")])
    for name, place in (("Prices", 1), ("Layers", 2), ("Prices", 3), ("Prices", None), ("Something else", None)):
        plan.begin(name)
        assert plan.says_place() == (f"phase {place} of 3" if place else "")
        assert Plan().says_place() == ""


def test_phases_of_several_parts_are_known_by_what_they_are_of() -> None:
    plan = Plan([Planned("Text"), *(Planned(name, 1.0, about) for about in ("1ms", "2ms") for name in ("A", "B"))])
    plan.begin("Text", "anything")
    assert plan.says_place() == "phase 1 of 5"
    plan.begin("A", "2ms")  # the first budget was done yesterday
    assert plan.says_place() == "phase 4 of 5"


def test_a_phase_under_way_is_a_line_and_a_finished_one_a_shorter_one() -> None:
    status, now = Status(), Clock()
    status.expect(PHASES)
    status.plan.begin("Super-net")
    progress = status.progress = phase(now, "Super-net", 1200, 600, 0.1)
    progress.note = "loss 6.123"
    (line,) = status.lines()
    assert line == "Super-net (phase 2 of 4): 600/1,200, loss 6.123, left about 1:00, of the whole run about 2:20"
    progress.step(1200, "loss 6.001")
    progress.ended = True
    assert list(status.lines()) == ["Super-net: 1,200 steps, 1:00"]
    unplanned = Status("9000-parameters")
    unplanned.progress = phase(now, "Latency", 10, 5, 1.0)
    assert list(unplanned.lines()) == ["9000-parameters: Latency: 5/10, left about 0:05"]


def test_a_phase_that_ends_early_and_one_that_is_broken_off(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()
    with reporter.phase("Candidates", 64, unit="evaluated") as show:
        show(40)  # none was better for long
    with reporter.phase("Text", 3, unit="") as show:
        show(3, "81 rows; a vocabulary of 500 WordPieces")
    with pytest.raises(KeyboardInterrupt), reporter.phase("Super-net", 600) as show:
        show(7, "loss 6.5")
        raise KeyboardInterrupt
    with reporter.phase("Super-net", 600, 600):
        pass  # it was done before
    assert capsys.readouterr().err.splitlines() == [
        "Candidates: 40 evaluated, 0:00",
        "Text: 81 rows; a vocabulary of 500 WordPieces, 0:00",
        "Super-net: 7/600, loss 6.5, left about 0:00",
    ]


def test_others_processes_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(active=False) as reporter, reporter.phase("Text", 1) as show:
        show(1)
        reporter.say("a message")
    assert capsys.readouterr().err == ""


def test_clocks() -> None:
    assert [clock(seconds) for seconds in (0.4, 65, 3599.6, 7260)] == ["0:00", "1:05", "1h 00m", "2h 01m"]
