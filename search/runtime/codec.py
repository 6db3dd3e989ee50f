"""The lines of a journal: an event and its checksum, one after the other.

A line is a JSON object. Since version 3 its last field is `crc`, the CRC-32 of all that stands before it in the file
and in the line: what a disk or an editor has changed, lines taken out, doubled or in another order are seen when it is
read. It finds what happens by mistake, and keeps nobody from forging a journal, so that a longer hash would be no gain.
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autobert_zero_hf.model.excerpts import excerpt

from .records import problem_of, unregistered_in

VERSION = 3
"""Of the journals that are begun. Of version 2 they were without checksums; new lines of theirs have them."""
READ = (2, VERSION)

_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}$')
_ONCE = ("start", "data", "latency", "supernet", "constant_answer", "baseline", "finished")


class RecordError(ValueError):
    """A line that is no event, or an event that does not belong where it stands.

    Attributes:
        line: its number, from 1.
    """

    line = 1


class VersionError(RecordError):
    """A journal of a version that is not read here."""


class UnregisteredError(RecordError):
    """A journal of a search with parts that nobody registered here."""


class Codec:
    """The lines of a journal, one after the other: those that are read, then those that are written."""

    def __init__(self) -> None:
        self._before = 0
        self._sealed = False

    def copy(self) -> "Codec":
        """One that goes on from the same place."""
        other = Codec()
        other._before, other._sealed = self._before, self._sealed
        return other

    def encode(self, event: Mapping[str, Any]) -> bytes:
        """The next line, with its end.

        Raises:
            ValueError: if a number of the event is not finite.
        """
        line = json.dumps(event, allow_nan=False).encode()
        self._before = zlib.crc32(line, self._before)
        return line[:-1] + f', "crc": "{self._before:08x}"}}\n'.encode()

    def decode(self, line: bytes, first: bool = False) -> dict[str, Any]:
        """The event of the next line; the checksum is left out.

        Raises:
            RecordError: if it is none, or was changed.
        """
        found = _CHECKSUM.search(line)
        plain = line if found is None else line[: found.start()] + b"}"
        self._before = zlib.crc32(plain, self._before)
        if found is not None and int(found[1], 16) != self._before:
            before = "" if self._sealed or first else " or one before it"
            raise RecordError(f"its checksum is another one: it{before} was changed, or lines are missing before it")
        event = _parsed(plain)
        if first:
            _check_version(event)
            self._sealed = event["version"] > 2
        if self._sealed and found is None:
            raise RecordError("it has no checksum")
        if first and (missing := unregistered_in(event)) is not None:
            raise UnregisteredError(missing)
        if (problem := problem_of(event)) is not None:
            raise RecordError(problem)
        return event


class History:
    """Sees that the events of a journal agree with each other, one after the other."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Any], Mapping[str, Any]] = {}
        self._most: int | None = None
        self._sized = False

    def add(self, event: Mapping[str, Any]) -> None:
        """Take the next one.

        Raises:
            RecordError: if it cannot follow those before it.
        """
        kind = event["event"]
        if (kind == "start") == bool(self._seen):
            raise RecordError("`start` is the first event, and no other is")
        if kind == "start":
            self._most = event["recipe"].get("candidates")
            self._sized = event["recipe"].get("search_sizes", "no") != "no"
        elif kind in ("candidate", "trained") and ("sizes" in event) != self._sized:
            raise RecordError(f"`sizes` {'is missing' if self._sized else 'is there'}, against the recipe")
        if kind in _ONCE:
            self._note(kind, "", event, "the second of its kind")
        elif kind == "measured":
            self._note(kind, event["identity"], event, "the second of its candidate")
        elif kind == "base":
            self._note(kind, event["model"], event, "the second of its model")
        elif kind == "candidate":
            self._add_candidate(event)
        elif kind == "trained":
            self._add_trained(event)

    def _add_candidate(self, event: Mapping[str, Any]) -> None:
        if self._most is not None and event["number"] > self._most:
            raise RecordError(f"`number` is {event['number']}, and the recipe asks for {self._most} candidates")
        if (parent := event["parent"]) is not None and ("candidate", parent) not in self._seen:
            raise RecordError(f"`parent` is no candidate before it: {excerpt(parent)}")
        self._note("number", event["number"], event, f"a second candidate {event['number']}")
        self._note("candidate", event["identity"], event, "a second one of its identity")

    def _add_trained(self, event: Mapping[str, Any]) -> None:
        # A finalist whose folder was lost is trained again.
        before = self._seen.setdefault(("trained", event["name"]), event)
        if any(before.get(name) != event.get(name) for name in ("layers", "sizes")):
            raise RecordError(f"a second {event['name']!r}, of other layers or sizes")
        before = self._seen.setdefault(("masked", ""), event)
        if before["masked"] != event["masked"] or ("task_score" in before) != ("task_score" in event):
            raise RecordError("`masked`, or whether it has a `task_score`, is not as of the finalist before it")

    def _note(self, kind: str, key: Any, event: Mapping[str, Any], twice: str) -> None:
        if (kind, key) in self._seen:
            raise RecordError(twice)
        self._seen[kind, key] = event


def decode_all(lines: Iterable[bytes], codec: Codec) -> "list[dict[str, Any]]":
    """The events of a journal.

    Args:
        lines: without their ends.
        codec: a new one; it goes on after the last line.

    Raises:
        RecordError: if a line is no event, or does not follow from those before it; the line is named.
    """
    events: list[dict[str, Any]] = []
    history = History()
    for number, line in enumerate(lines, start=1):
        try:
            events.append(codec.decode(line, first=number == 1))
            history.add(events[-1])
        except RecordError as error:
            error.line = number
            raise
    return events


def encode_all(events: Sequence[Mapping[str, Any]]) -> bytes:
    """A journal of these events."""
    codec = Codec()
    return b"".join(map(codec.encode, events))


def _parsed(line: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise RecordError("a field stands there twice")
        return found

    try:
        event = json.loads(line, object_pairs_hook=once)
    except RecursionError as error:
        raise RecordError("it is nested too deeply") from error
    except RecordError:
        raise
    except ValueError as error:
        raise RecordError(f"no JSON: {error}") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or "elapsed" not in event:
        raise RecordError("not an event")
    return event


def _check_version(event: Mapping[str, Any]) -> None:
    if event["event"] != "start":
        raise RecordError(f"`start` is the first event, not {excerpt(event['event'])}")
    version = event.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise RecordError(f"`version` must be a whole number, not {excerpt(version)}")
    if version not in READ:
        raise VersionError(f"a journal of version {version}, not of {' or '.join(map(str, READ))}")
