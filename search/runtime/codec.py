"""The lines of a journal: an event and its checksum, one after the other.

A line is a JSON object. Since version 3 its last field is `crc`, the CRC-32 of all that stands before it in the file
and in the line: what a disk or an editor has changed, lines taken out, doubled or in another order are seen when it is
read. It finds what happens by mistake, and keeps nobody from forging a journal, so that a longer hash would be no gain.
"""

import enum
import functools
import json
import re
import typing
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from typing import Any

from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.options import unmet

from ..space.sizes import Sizes
from . import block_records as block_records  # makes its events known
from .events import KINDS, Event
from .history import History, RecordError
from .records import unregistered_in
from .upgrades import READ, upgraded

_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}$')


class VersionError(RecordError):
    """A journal of a version that is not read here."""


class UnregisteredError(RecordError):
    """A journal of a search with parts that nobody registered here."""


class Codec:
    """The lines of a journal, one after the other: those that are read, then those that are written."""

    def __init__(self) -> None:
        self._before = 0
        self._version = READ[-1]
        self._sealed = False

    def copy(self) -> "Codec":
        """One that goes on from the same place."""
        other = Codec()
        other._before, other._version, other._sealed = self._before, self._version, self._sealed
        return other

    def encode(self, event: Event) -> bytes:
        """The next line, with its end.

        Raises:
            ValueError: if a number of the event is not finite.
        """
        line = json.dumps(to_json(event), allow_nan=False).encode()
        self._before = zlib.crc32(line, self._before)
        return line[:-1] + f', "crc": "{self._before:08x}"}}\n'.encode()

    def decode(self, line: bytes, first: bool = False) -> Event:
        """The event of the next line, as this version has it.

        Raises:
            RecordError: if it is none, or was changed.
        """
        found = _CHECKSUM.search(line)
        plain = line if found is None else line[: found.start()] + b"}"
        self._before = zlib.crc32(plain, self._before)
        if found is not None and int(found[1], 16) != self._before:
            before = "" if self._sealed or first else " or one before it"
            raise RecordError(f"its checksum is another one: it{before} was changed, or lines are missing before it")
        values = _parsed(plain)
        if first:
            self._version = _version_of(values)
            self._sealed = self._version > 2
        if self._sealed and found is None:
            raise RecordError("it has no checksum")
        if first and (missing := unregistered_in(values)) is not None:
            raise UnregisteredError(missing)
        return from_json(upgraded(values, self._version))


def decode_all(lines: Iterable[bytes], codec: Codec) -> History:
    """What the lines of a journal tell.

    Args:
        lines: without their ends.
        codec: a new one; it goes on after the last line.

    Raises:
        RecordError: if a line is no event, or does not follow from those before it; the line is named.
    """
    history = History()
    for number, line in enumerate(lines, start=1):
        try:
            event = codec.decode(line, first=number == 1)
            history.check(event)
        except RecordError as error:
            error.line = number
            raise
        history.add(event)
    return history


def encode_all(events: Iterable[Event]) -> bytes:
    """A journal of these events."""
    codec = Codec()
    return b"".join(map(codec.encode, events))


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain data, in the order of its line."""
    left_out = {"elapsed", *event.left_out()}
    values = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in left_out}
    plain = {name: _plain(value) for name, value in values.items()}
    return {"event": event.name_in_journal, **plain, "elapsed": event.elapsed}


def _plain(value: Any) -> Any:
    if isinstance(value, Sizes):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return list(value) if isinstance(value, tuple) else value


def from_json(values: Mapping[str, Any]) -> Event:
    """The event that plain data of this version is.

    Raises:
        RecordError: if it is none: a field is not known, missing or of another kind, or it does not agree with itself.
    """
    if (kind := KINDS.get(values["event"])) is None:
        raise RecordError(f"there is no event {excerpt(values['event'])}")
    event: Event = _made(kind, {name: value for name, value in values.items() if name != "event"})
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RecordError("a text in it has half a character (a lone surrogate)") from None
    if (problem := event.contradiction()) is not None:
        raise RecordError(problem)
    return event


def _made(kind: type, values: Mapping[str, Any], within: str = "") -> Any:
    """An object of a dataclass, of plain data; the names and the kinds of its fields are checked."""
    known, required = _fields(kind)
    if missing := next((name for name in required if name not in values), None):
        raise RecordError(f"`{within}{missing}` is missing")
    made = {}
    for name, value in values.items():
        if name not in known:
            raise RecordError(f"unknown field {excerpt(within + name)}")
        made[name] = known[name].read(value, f"{within}{name}")
    return kind(**made)


@dataclass(frozen=True)
class _Field:
    """How a field is read.

    Args:
        hint: its type.
        inner: the dataclass that it holds, if it does.
        choices: the enumeration that its value is of, if it is.
    """

    hint: Any
    inner: Any
    choices: Any

    @classmethod
    def of(cls, hint: Any) -> "_Field":
        own = [each for each in (hint, *typing.get_args(hint)) if isinstance(each, type)]
        inner = next((each for each in own if is_dataclass(each)), None)
        return cls(hint, inner, next((each for each in own if issubclass(each, enum.Enum)), None))

    def read(self, value: Any, name: str) -> Any:
        """The value, of plain data."""
        if self.inner is not None and not (value is None and isinstance(None, self.hint)):
            if not isinstance(value, dict):
                raise RecordError(f"`{name}` is not a mapping, but {excerpt(value)}")
            return _made(self.inner, value, f"{name}.")
        if wanted := unmet(value, self.hint):
            raise RecordError(f"`{name}` must be {wanted}, not {excerpt(value)}")
        if self.choices is not None and value is not None:
            return self.choices(value)
        return tuple(value) if typing.get_origin(self.hint) is tuple else value


@functools.cache
def _fields(kind: type) -> tuple[dict[str, _Field], list[str]]:
    """All fields by their names, and the names of those without a default."""
    hints = typing.get_type_hints(kind, include_extras=True)
    required = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]
    return {field.name: _Field.of(hints[field.name]) for field in fields(kind)}, required


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


def _version_of(event: Mapping[str, Any]) -> int:
    """The version of a journal, by its first event."""
    if event["event"] != "start":
        raise RecordError(f"`start` is the first event, not {excerpt(event['event'])}")
    version = event.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise RecordError(f"`version` must be a whole number, not {excerpt(version)}")
    if version not in READ:
        raise VersionError(f"a journal of version {version}, not of {' or '.join(map(str, READ))}")
    return version
