"""The journal of a search: one JSON object a line, appended and fsynced, and the only state that a search has."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import BaseFileLock

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.training.contents import Digest, find_changes
from autobert_zero_hf.writing import append_lines, claimed, how_to_mend, whole_lines

from ..recipe_options import GROUPS
from .environment import environment

VERSION = 2


class JournalError(AutoBertZeroError):
    """A journal that cannot be used, or not be written."""


class Journal:
    """Events in the order in which they were written; the first is `start`: version, identity, recipe, environment.

    Each event carries `elapsed`, the seconds of the search so far, those of earlier runs counted in. The start is
    written together with the first event after it, so that a search that could not begin leaves no journal behind.

    Args:
        path: the file; None keeps the events in memory, for the processes that follow the one that writes.
        recipe: the options of the search.
        events: what was written before.
        contents: the digests of what the options lead to.
    """

    def __init__(
        self,
        path: Path | None,
        recipe: dict[str, Any],
        events: list[dict[str, Any]],
        contents: Mapping[str, Digest] | None = None,
    ):
        self.path = path
        self.recipe = recipe
        self.contents = dict(contents or {})
        self.events = events
        self.spent_before: float = max((event["elapsed"] for event in events), default=0.0)
        self.identity: str = events[0].get("identity", "") if events else uuid.uuid4().hex[:8]
        self._opened = time.monotonic()
        self._lock: BaseFileLock | None = None
        self._listeners: list[Callable[[dict[str, Any]], None]] = []

    @classmethod
    def open(cls, path: Path, recipe: dict[str, Any], contents: Mapping[str, Digest] | None = None) -> "Journal":
        """Open the journal of a recipe, new or old.

        Raises:
            JournalError: if it belongs to another recipe or version, or is damaged before its last line.
            WritingError: if another process is at work in its folder.
            OSError: if its folder cannot be made.
        """
        lock = claimed(path.parent, path.with_name(f".{path.name}.lock"))
        try:
            journal = cls(path, recipe, list(_read(path)), contents)
            if journal.events:
                journal._check(path)
        except BaseException:
            lock.release()
            raise
        journal._lock = lock  # released when the process ends, however it ends
        return journal

    def _check(self, path: Path) -> None:
        start, recipe = self.events[0], self.recipe
        if start["event"] != "start" or start.get("version") != VERSION:
            raise JournalError(
                f"{path} is not a journal of version {VERSION}, but {start.get('version')!r}: use another --output-dir"
            )
        written = start.get("recipe")
        if not isinstance(written, dict):
            raise JournalError(f"{path}, line 1, is damaged (no recipe): restore the file, or use another --output-dir")
        contents = start.get("contents")
        changed = [
            f"{name}: {written.get(name)!r} there, {recipe.get(name)!r} here"
            if written.get(name) != recipe.get(name)
            else f"{name}: what {recipe.get(name)!r} holds has changed"
            for name in find_changes(
                GROUPS, written, contents if isinstance(contents, dict) else {}, recipe, self.contents
            )
        ]
        if changed:
            raise JournalError(
                f"{path.parent} holds a search with another recipe ({'; '.join(changed)}): "
                "use the same recipe to resume it, or another --output-dir"
            )

    def close(self) -> None:
        """Let other processes open it."""
        if self._lock is not None:
            self._lock.release()

    def elapsed(self) -> float:
        """Seconds of this search, earlier runs of it counted in."""
        return self.spent_before + time.monotonic() - self._opened

    def append(self, event: str, **facts: Any) -> None:
        """Write an event; it is on the disk when this returns.

        Raises:
            JournalError: if it cannot be written, as on a full disk; the file is then as it was before.
        """
        start = {"version": VERSION, "identity": self.identity, "recipe": self.recipe}
        start |= {"contents": self.contents} if self.contents else {}
        records = [] if self.events else [self._record("start", {**start, "environment": environment()})]
        records.append(self._record(event, facts))
        if self.path is not None:
            self._write(self.path, records)
        self.events.extend(records)
        for listener in self._listeners:
            listener(records[-1])

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Have a function called with every event from now on, once it is written."""
        self._listeners.append(listener)

    def _record(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        return {"event": event, **facts, "elapsed": round(self.elapsed(), 2)}

    def _write(self, path: Path, records: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records).encode()
        try:
            append_lines(path, lines)
        except OSError as error:
            safe = f"the {len(self.events)} events before are safe" if self.events else "nothing was lost"
            raise JournalError(
                f"{path} could not be written ({error.strerror}), {safe}: {how_to_mend(error)}"
            ) from error

    def of(self, event: str) -> list[dict[str, Any]]:
        """All events of a kind."""
        return [record for record in self.events if record["event"] == event]


def recorded_recipe(path: Path) -> dict[str, Any]:
    """The options that a journal was begun with; none where there is no journal, or it cannot be read."""
    try:
        with path.open("rb") as file:
            recipe = json.loads(file.readline())["recipe"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return recipe if isinstance(recipe, dict) else {}


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(whole_lines(path), start=1):
        yield _event(path, number, line)


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a journal, which stays as it is; a last line that was cut off is left out.

    Raises:
        JournalError: if it is damaged before its last line.
        OSError: if it cannot be read.
    """
    *lines, _ = path.read_bytes().split(b"\n")
    return [_event(path, number, line) for number, line in enumerate(lines, start=1)]


def _event(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
        if not isinstance(event, dict) or not {"event", "elapsed"} <= set(event):
            raise ValueError("not an event")
    except ValueError as error:
        raise JournalError(
            f"{path}, line {number}, is damaged ({error}); only a last line may be: restore the file, or use "
            "another --output-dir"
        ) from error
    return event
