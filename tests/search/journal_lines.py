"""Journals as plain data, read and written without the code that is tested."""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Events = list[dict[str, Any]]


def read_journal(path: Path) -> Events:
    """The events of a journal, each of which has its whole line, without their checksums."""
    *lines, rest = path.read_text().split("\n")
    assert not rest
    return [{name: value for name, value in json.loads(line).items() if name != "crc"} for line in lines]


def with_checksums(events: Sequence[Mapping[str, Any]]) -> bytes:
    """A journal of these events, as version 3 is written."""
    before, lines = 0, []
    for event in events:
        line = json.dumps(event).encode()
        before = zlib.crc32(line, before)
        lines.append(line[:-1] + f', "crc": "{before:08x}"}}\n'.encode())
    return b"".join(lines)


def without_checksums(events: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as version 2 was written."""
    return "".join(json.dumps(event) + "\n" for event in events).encode()
