import json
import logging
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.runtime.events import Event
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.journal import Journal, JournalError, read_history
from autobert_zero_hf.search.runtime.records import Evaluated, Finished, Start
from autobert_zero_hf.search.strategy.evaluation import Failure

from tests.search.journal_lines import read_journal, with_checksums
from tests.terminal import Piped

RECIPE = {"seed": 0, "candidates": 500}
END = Finished(reason="enough", rejections={}, processes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def candidate(number: int, **changes: Any) -> Evaluated:
    """What is written of a candidate."""
    made = {"number": number, "generation": 0, "identity": f"{number:016x}", "parent": None, "origin": "random"}
    came = {"score": 0.0, "standard_error": 0.0, "failure": None, "detail": None, "seconds": 0.1}
    return Evaluated(**{**made, "layers": ["conv(3)"], **came, **changes})


def numbers(journal: Journal) -> list[int]:
    return [event.number for event in journal.history.candidates]


def written(path: Path) -> Journal:
    journal = Journal.open(path, RECIPE)
    journal.append(candidate(1))
    journal.append(candidate(2, score=None, standard_error=None, failure=Failure.ILLEGAL, detail="why"))
    journal.close()
    return journal


def test_events_come_back(path: Path) -> None:
    journal = written(path)
    again = Journal.open(path, RECIPE)
    assert again.history.events == journal.history.events
    assert numbers(again) == [1, 2]
    assert json.loads(path.read_text().splitlines()[0])["recipe"] == RECIPE


def test_time_goes_on_counting(path: Path) -> None:
    written(path)
    *events, last = read_journal(path)
    path.write_bytes(with_checksums([*events, {**last, "elapsed": 1000.0}]))
    assert 1000 <= Journal.open(path, RECIPE).elapsed() < 1060


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_torn_last_line_is_dropped_with_a_warning(path: Path, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with caplog.at_level(logging.WARNING):
        journal = Journal.open(path, RECIPE)
    assert "cut off" in caplog.text
    assert numbers(journal) == [1]
    journal.append(candidate(2))
    journal.close()
    assert numbers(Journal.open(path, RECIPE)) == [1, 2]


@pytest.mark.parametrize("damage", [b'{"event": "cand\n', b"[1]\n", b"\n", b'{"number": 7}\n', b"\xff\xfe\n"])
def test_damage_before_the_last_line_is_refused(path: Path, damage: bytes) -> None:
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], damage, lines[2]]))
    before = path.read_bytes()
    with pytest.raises(JournalError, match="line 2, is damaged"):
        Journal.open(path, RECIPE)
    assert path.read_bytes() == before


def test_another_recipe_is_refused_and_named(path: Path) -> None:
    written(path)
    with pytest.raises(JournalError, match="candidates: 500 there, 6 here"):
        Journal.open(path, {**RECIPE, "candidates": 6})


def test_an_option_that_a_journal_lacks_has_its_default(path: Path) -> None:
    written(path)
    Journal.open(path, {**RECIPE, "reward_scale": "ranks", "levels": "both"}).close()
    with pytest.raises(JournalError, match="reward_scale: 'ranks' there, 'range' here"):
        Journal.open(path, {**RECIPE, "reward_scale": "range"})


def test_a_journal_that_was_refused_is_not_in_use(path: Path) -> None:
    written(path)
    with pytest.raises(JournalError) as refused:
        Journal.open(path, {**RECIPE, "candidates": 6})
    assert numbers(Journal.open(path, RECIPE))
    assert refused.value.__traceback__ is not None, "kept alive, as an interactive Python does"


def test_another_version_is_refused(path: Path) -> None:
    written(path)
    start, *events = read_journal(path)
    path.write_bytes(with_checksums([{**start, "version": 99}, *events]))
    for opened in (read_history, lambda path: Journal.open(path, RECIPE)):
        with pytest.raises(JournalError, match="is a journal of version 99, not of 2 or 3: use the version"):
            opened(path)


def test_a_second_process_is_refused(path: Path) -> None:
    journal = Journal.open(path, RECIPE)
    imports = "from pathlib import Path; from autobert_zero_hf.search.runtime.journal import Journal"
    script = f"{imports}; Journal.open(Path({str(path)!r}), {RECIPE})"
    _, _, said = Piped(["-c", script]).end()
    assert "WritingError: another process is at work in" in said
    journal.close()
    assert Piped(["-c", script]).end()[0] == 0


def test_a_follower_writes_nothing(path: Path) -> None:
    history = written(path).history
    before = path.read_bytes()
    Journal(None, RECIPE, History(history.events)).append(candidate(3))
    assert path.read_bytes() == before


def test_nothing_is_written_before_the_first_event(path: Path) -> None:
    Journal.open(path, RECIPE)
    assert not path.exists()
    Journal.open(path, {**RECIPE, "seed": 9}).append(END)
    assert [type(each) for each in Journal.open(path, {**RECIPE, "seed": 9}).history.events] == [Start, Finished]


FULL_DISK = """
import resource, sys
from pathlib import Path
from autobert_zero_hf.search.runtime.journal import Journal, JournalError, read_history
from tests.search.runtime.test_journal import candidate, numbers

path = Path(sys.argv[1])
make_full, make_room = (lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1)) for limit in LIMITS)
journal = Journal.open(path, {"seed": 0})
append = lambda number: journal.append(candidate(number))
make_full()
number = 0
try:
    while True:
        append(number + 1)
        number += 1
except JournalError as error:
    print(error)
assert (read_history(path).events if path.exists() else []) == journal.history.events
make_room()
append(number + 1)
assert numbers(journal) == list(range(1, number + 2))
"""


@pytest.mark.parametrize("limit", [2000, 50])
def test_a_write_that_the_system_cuts_short_leaves_whole_events(path: Path, limit: int) -> None:
    script = FULL_DISK.replace("LIMITS", f"({limit}, -1)")
    status, out, err = Piped(["-c", script, path]).end()
    assert status == 0, err
    events = len(Journal.open(path, {"seed": 0}).history.events)
    # The last one was written when there was room again; without any before it, the start was, too.
    assert events > 5 if limit == 2000 else events == 2
    safe = f"the {events - 1} events before are safe" if limit == 2000 else "nothing was lost"
    assert out == (
        f"{path} could not be written (File too large), {safe}: make room on that disk and run the same command again\n"
    )


def test_listeners_hear_what_is_written_from_then_on(path: Path) -> None:
    written(path)
    journal = Journal.open(path, RECIPE)
    heard: list[Event] = []
    journal.subscribe(heard.append)
    journal.append(END)
    assert heard == journal.history.events[-1:]


def test_a_search_keeps_its_identity(path: Path) -> None:
    identity = written(path).identity
    assert len(identity) == 8
    assert Journal.open(path, RECIPE).identity == identity != Journal.open(path.with_name("other"), RECIPE).identity


def test_options_of_strategies_that_are_not_chosen_do_not_tell_two_recipes_apart(path: Path) -> None:
    """As a journal of an older version holds them, which refused none."""
    idle = {**RECIPE, "strategy": "random", "alpha": 3.0, "tournament": 7, "task_steps": 9}
    Journal.open(path, idle).append(candidate(1))
    assert numbers(Journal.open(path, {**RECIPE, "strategy": "random"})) == [1]
    with pytest.raises(JournalError, match="strategy: 'random' there, 'op-nas' here"):
        Journal.open(path, {**idle, "strategy": "op-nas"})


def test_a_journal_with_parts_that_nobody_registered_says_how_to_bring_them(path: Path) -> None:
    journal = Journal.open(path, RECIPE, parts={"origins": {"strategy mine": "my_package (mine 1.0)"}})
    journal.append(candidate(1))
    journal.close()
    events = read_journal(path)
    assert events[0]["origins"] == {"strategy mine": "my_package (mine 1.0)"} and "objects" not in events[0]
    events[0]["recipe"] = {**RECIPE, "strategy": "mine", "options_of_mine": 3}
    path.write_bytes(with_checksums(events))
    said = "cannot be read: the strategy 'mine' is not registered: --import the module that defines it, 'my_package "
    with pytest.raises(JournalError, match=said):
        Journal.open(path, events[0]["recipe"])


def test_other_objects_are_another_search(path: Path) -> None:
    given = {"objects": {"proxy": "my_package.Mine"}}
    journal = Journal.open(path, RECIPE, parts=given)
    journal.append(candidate(1))
    journal.close()
    assert numbers(Journal.open(path, RECIPE, parts=given)) == [1]
    with pytest.raises(JournalError, match=r"proxy: my_package\.Mine there, that of the recipe here"):
        Journal.open(path, RECIPE)
