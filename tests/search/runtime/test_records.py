"""The lines of a journal: whatever is changed in one is seen, and the line and the field are named."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.runtime.codec import Codec, decode_all, encode_all, from_json, to_json
from autobert_zero_hf.search.runtime.events import KINDS
from autobert_zero_hf.search.runtime.history import RecordError
from autobert_zero_hf.search.runtime.journal import Journal, JournalError, read_history
from autobert_zero_hf.search.runtime.latency_records import Measured
from autobert_zero_hf.search.runtime.records import Evaluated, Extended, Finished, Looked, Proposed, Steered, Trained
from autobert_zero_hf.search.strategy.evaluation import Failure

from tests.search.journal_lines import read_journal
from tests.search.old_journals import OLD, with_checksums, without_checksums

RUNS = sorted((Path(__file__).parents[1] / "runs_0_1_0").rglob("journal.jsonl"))
SIZED = OLD / "sized" / "journal.jsonl"


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return read_journal(SIZED)


@pytest.mark.parametrize("name", ["plain", "sized"])
def test_the_journal_of_an_older_version_is_read_as_one_of_today(name: str) -> None:
    path = OLD / name / "journal.jsonl"
    events, history = read_journal(path), read_history(path)
    assert events[0]["version"] == 2 and b'"crc"' not in path.read_bytes()
    assert [to_json(event) for event in history.events] == [
        {**event, **{"start": {"version": 3}, "supernet": {"digest": None}}.get(event["event"], {})} for event in events
    ]
    assert b"".join(encode_all(history.events).splitlines(True)[:2]) == with_checksums(events[:2])
    first = [{name: events[0][name] for name in ("event", "version", "recipe", "elapsed")}, *events[1:-1]]
    last = {name: events[-1][name] for name in ("event", "reason", "elapsed")}
    history = decode_all(without_checksums([*first, last]).splitlines(), Codec())
    assert (history.start.identity, history.start.environment) == ("", None)
    assert history.finished == Finished(reason=last["reason"], rejections=None, processes=1, elapsed=last["elapsed"])


def test_events_come_back_from_lines_byte_by_byte() -> None:
    kinds = set()
    for path in RUNS:
        history = decode_all(path.read_bytes().splitlines(), Codec())
        assert encode_all(history.events) == path.read_bytes(), path
        kinds |= {type(event) for event in history.events}
    # Those of encoders that are made faster, of more budget and of programs came later; their own tests read them.
    modules = {Evaluated.__module__, Measured.__module__}
    assert kinds == {kind for kind in KINDS.values() if kind.__module__ in modules} - {
        Extended,
        Looked,
        Proposed,
        Steered,
    }


def test_what_an_event_need_not_have_is_left_out() -> None:
    text = {"name": "best", "layers": ["conv(3)"], "parameters": 1, "accuracy": 0.5, "standard_error": None}
    trained = Trained(**text, correct=[1], masked=[2])  # type: ignore[arg-type]
    assert to_json(trained) == {"event": "trained", **text, "correct": [1], "masked": [2], "elapsed": 0.0}
    scored = to_json(replace(trained, task_score=0.5))
    assert (scored["task_score"], scored["task_error"]) == (0.5, None) and "sizes" not in scored
    assert from_json(scored) == replace(trained, task_score=0.5)


def test_a_run_is_replayed() -> None:
    history = read_history(OLD / "sized" / "journal.jsonl")
    events = read_journal(OLD / "sized" / "journal.jsonl")
    candidates = {event["number"]: event for event in events if event["event"] == "candidate"}
    assert [each.number for each in history.candidates] == sorted(candidates)
    assert list(candidates) != sorted(candidates), "they came in another order"
    best = max(history.scored, key=lambda each: (each.score, -each.number))
    assert history.best is best and best.score == candidates[best.number]["score"]
    for each in history.candidates:
        assert each.candidate.identity == each.identity
        assert history.find(Evaluated, "identity", each.identity) is each
    trained = {event["name"]: event for event in events if event["event"] == "trained"}
    assert {name: each.accuracy for name, each in history.finalists.items()} == {
        name: event["accuracy"] for name, event in trained.items()
    }
    assert history.winner is not None and history.measured(history.winner.candidate.identity) is not None
    assert history.elapsed == events[-1]["elapsed"]
    assert history.recipe["candidates"] == 8 and history.recipe["screen_by"] is None


def test_the_best_is_the_one_that_was_asked_for_first() -> None:
    history = read_history(OLD / "plain" / "journal.jsonl")
    before = history.best
    assert before is not None
    for number, identity in ((before.number + 1000, "x"), (0, "y")):
        history.add(replace(before, number=number, identity=identity))
    assert history.best.identity == "y"
    history.add(replace(before, number=2000, identity="z", score=None, failure=Failure.TIMEOUT))
    assert history.best.identity == "y" and len(history.scored) == len(history.candidates) - 1


def test_any_byte_that_is_changed_is_seen(events: list[dict[str, Any]], tmp_path: Path) -> None:
    path, data, rng = tmp_path / "journal.jsonl", with_checksums(events), random.Random(0)
    for _ in range(150):
        place, bit = rng.randrange(len(data) - 1), 1 << rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        line = data.count(b"\n", 0, place) + 1
        # A changed end of a line makes one of two, or two of one.
        with pytest.raises(JournalError, match=f"line ({line}|{line + 1}), is damaged|is a journal of version"):
            read_history(path)


@pytest.mark.parametrize(
    "changed",
    [
        lambda lines: [*lines[:5], *lines[6:]],
        lambda lines: [*lines[:5], lines[5], lines[5], *lines[6:]],
        lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]],
        lambda lines: lines[1:],
        lambda lines: [*lines[:5], lines[5].partition(b', "crc"')[0] + b"}", *lines[6:]],
        lambda lines: [lines[0].replace(b'"version": 3', b'"version": 2'), *lines[1:]],
    ],
    ids=["one less", "one doubled", "two exchanged", "no start", "no checksum", "another version"],
)
def test_lines_stay_as_they_were_written(
    events: list[dict[str, Any]], changed: Callable[[list[bytes]], list[bytes]]
) -> None:
    lines = with_checksums(events).splitlines()
    with pytest.raises(RecordError):
        decode_all(changed(lines), Codec())


def test_what_is_added_to_an_older_journal_has_checksums(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = b"".join(SIZED.read_bytes().splitlines(keepends=True)[:-1])
    path.write_bytes(before)
    recipe = read_history(path).recipe
    journal = Journal.open(path, recipe)
    journal.append(Finished(reason="enough", rejections=None, processes=1))
    journal.close()
    data = path.read_bytes()
    assert data.startswith(before) and data.count(b'"crc"') == 1
    again = Journal.open(path, recipe)
    assert again.history.events == journal.history.events
    again.close()
    path.write_bytes(data.replace(b'"score": 0.0', b'"score": 0.8', 1))
    last = len(data.splitlines())
    with pytest.raises(JournalError, match=f"line {last}, .* it or one before it was changed"):
        read_history(path)


def of(kind: str, **changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Have other fields in the last event of a kind; without those that are `None`-d by `...`."""

    def change(events: list[dict[str, Any]]) -> None:
        event = next(event for event in reversed(events) if event["event"] == kind)
        for name, value in changes.items():
            event.pop(name, None)
            if value is not ...:
                event[name] = value

    return change


def recipe(**changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda events: events[0]["recipe"].update(changes)


WRONG: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], str]] = {
    "kind": (of("supernet", event="supermet"), "there is no event 'supermet'"),
    "missing": (of("candidate", score=...), "`score` is missing"),
    "unknown": (of("candidate", scope=0.5), "unknown field 'scope'"),
    "text for number": (of("candidate", score="0.8"), "`score` must be a number or null, not '0.8'"),
    "truth for number": (of("candidate", number=True), "`number` must be a whole number, not True"),
    "negative": (of("data", rows=-1), "`rows` must be at least 0"),
    "huge": (of("trained", parameters=10**400), "`parameters` must be at least 0 and below"),
    "huge score": (of("candidate", score=10**400), "`score` must be a number or null"),
    "elapsed": (of("data", elapsed=None), "`elapsed` must be a number, not None"),
    "layers": (of("candidate", layers="conv(3)"), "`layers` must be a list of texts, not 'conv"),
    "a layer": (of("candidate", layers=["conv(3)", 3]), "`layers` must be a list of texts, not"),
    "no layers": (of("baseline", layers=[]), "`layers` is empty"),
    "no sizes": (of("trained", sizes=...), "`sizes` is missing, against the recipe"),
    "sizes": (of("candidate", sizes=[1]), "`sizes` is not a mapping"),
    "a size": (of("candidate", sizes={"hidden_size": 8}), "`sizes.num_hidden_layers` is missing"),
    "failure": (of("candidate", score=None, failure="tired"), "`failure` must be one of not finite, .* or null"),
    "neither": (of("candidate", score=None), "both a `score` and a `failure`, or neither"),
    "parent": (of("candidate", parent="0123456789abcdef"), "`parent` is no candidate before it"),
    "number": (of("candidate", number=9), "`number` is 9, and the recipe asks for 8 candidates"),
    "a recipe that is a text": (
        lambda events: events[0].update(recipe="none"),
        "`recipe` must be a mapping of names to values, not 'none'",
    ),
    "half a character": (of("candidate", origin="\ud83d"), "whole characters"),
    "interval": (of("measured", interval=[1.0]), "`interval` must be 2 of numbers"),
    "reversed": (of("measured", interval=[9.0, 1.0]), "`interval` does not enclose the median"),
    "verdict": (of("measured", verdict="maybe"), "`verdict` must be one of within, outside, not clear"),
    "finalist": (of("trained", name="../other"), "`name` is that of no finalist"),
    "correct": (of("trained", correct=[1]), "`correct` does not fit `masked`"),
    "masked": (of("trained", correct=[1], masked=[1]), "`masked`, .* is not as of the finalist before it"),
    "rejections": (of("finished", rejections={"budget": "many"}), "`rejections` must be a mapping of names to"),
    "recipe": (recipe(candidates="many"), "its recipe: candidates must be a whole number"),
    "option": (recipe(candidbtes=3), "its recipe: unknown option 'candidbtes'"),
    "environment": (of("start", environment={"cores": 2}), "`environment.processor` is missing"),
    "two starts": (lambda events: events.insert(1, events[0]), "`start` is the first event, and no other is"),
    "two candidates": (lambda events: events.append(events[-7]), "the second of its kind"),
    "a number twice": (of("candidate", number=1), "a second candidate of its number"),
    "an environment that is none": (of("start", environment=[]), "`environment` is not a mapping, but"),
    "an error of nothing": (of("trained", task_error=0.1), "`task_error` is there without `task_score`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_fields_are_checked_by_their_kind(events: list[dict[str, Any]], name: str, tmp_path: Path) -> None:
    change, said = WRONG[name]
    changed = json.loads(json.dumps(events))
    change(changed)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(without_checksums(changed))
    with pytest.raises(JournalError, match=said) as refused:
        read_history(path)
    assert str(refused.value).startswith(f"{path}, line ")
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("line", [b'{"event": "data", "event": "data", "elapsed": 0}', b"[" * 100_000, b"1" * 5_000])
def test_lines_that_are_hardly_json(events: list[dict[str, Any]], line: bytes) -> None:
    with pytest.raises(RecordError) as refused:
        decode_all([*with_checksums(events[:1]).splitlines(), line], Codec())
    assert refused.value.line == 2
