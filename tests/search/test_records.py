"""The lines of a journal: whatever is changed in one is seen, and the line and the field are named."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.runtime.codec import Codec, RecordError, decode_all, encode_all
from autobert_zero_hf.search.runtime.journal import Journal, JournalError, read_events

from .old_journals import OLD, with_checksums, without_checksums

SIZED = OLD / "sized" / "journal.jsonl"


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return read_events(SIZED)


@pytest.mark.parametrize("name", ["plain", "sized"])
def test_the_journal_of_an_older_version_is_read(name: str) -> None:
    lines = (OLD / name / "journal.jsonl").read_text().splitlines()
    assert read_events(OLD / name / "journal.jsonl") == [json.loads(line) for line in lines]
    assert json.loads(lines[0])["version"] == 2 and "crc" not in lines[0]


def test_events_come_back_from_lines_with_checksums(events: list[dict[str, Any]]) -> None:
    data = with_checksums(events)
    lines = data.splitlines()
    assert all(list(json.loads(line))[-1] == "crc" for line in lines)
    assert decode_all(lines, Codec()) == [{**events[0], "version": 3}, *events[1:]]


def test_any_byte_that_is_changed_is_seen(events: list[dict[str, Any]], tmp_path: Path) -> None:
    path, data, rng = tmp_path / "journal.jsonl", with_checksums(events), random.Random(0)
    for _ in range(150):
        place, bit = rng.randrange(len(data) - 1), 1 << rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        line = data.count(b"\n", 0, place) + 1
        # A changed end of a line makes one of two, or two of one.
        with pytest.raises(JournalError, match=f"line ({line}|{line + 1}), is damaged|is a journal of version"):
            read_events(path)


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
    recipe = read_events(path)[0]["recipe"]
    journal = Journal.open(path, recipe)
    journal.append("finished", reason="enough")
    journal.close()
    data = path.read_bytes()
    assert data.startswith(before) and data.count(b'"crc"') == 1
    again = Journal.open(path, recipe)
    assert again.events == journal.events
    again.close()
    path.write_bytes(data.replace(b'"score": 0.0', b'"score": 0.8', 1))
    last = len(data.splitlines())
    with pytest.raises(JournalError, match=f"line {last}, .* it or one before it was changed"):
        read_events(path)


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
}


@pytest.mark.parametrize("name", WRONG)
def test_fields_are_checked_by_their_kind(events: list[dict[str, Any]], name: str, tmp_path: Path) -> None:
    change, said = WRONG[name]
    changed = json.loads(json.dumps(events))
    change(changed)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(without_checksums(changed))
    with pytest.raises(JournalError, match=said) as refused:
        read_events(path)
    assert str(refused.value).startswith(f"{path}, line ")
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("line", [b'{"event": "data", "event": "data", "elapsed": 0}', b"[" * 100_000, b"1" * 5_000])
def test_lines_that_are_hardly_json(events: list[dict[str, Any]], line: bytes) -> None:
    with pytest.raises(RecordError) as refused:
        decode_all([*encode_all(events[:1]).splitlines(), line], Codec())
    assert refused.value.line == 2
