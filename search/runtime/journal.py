"""The journal of a search: one JSON object a line, appended and fsynced, and the only state that a search has."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autobert_zero_hf.claims import Claim, shared_claim
from autobert_zero_hf.data.contents import Digest, find_changes
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.growing import GrowingFile
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.options import with_defaults
from autobert_zero_hf.writing import claimed, how_to_mend

from ..recipe.choices import decisive, groups_of, is_of_encoder
from .codec import Codec, UnregisteredError, VersionError, decode_all
from .environment import environment
from .events import Event
from .history import History, RecordError
from .records import EXTENDED, STEERED, Extended, Start, Steered
from .run_folder import RunFolder
from .upgrades import VERSION


class JournalError(AutoBertZeroError):
    """A journal that cannot be used, or not be written."""


class Journal:
    """The events of a run, as they are written; the first is `Start`: version, identity, recipe, environment.

    Each event carries `elapsed`, the seconds of the search so far, those of earlier runs counted in. The start is
    written together with the first event after it, so that a search that could not begin leaves no journal behind.

    Args:
        path: the file; None keeps the events in memory, for the processes that follow the one that writes.
        recipe: the options of the search.
        history: what was written before.
        contents: the digests of what the options lead to.
        parts: `origins` and `objects` of the start, where there are some.

    Attributes:
        history: what was written, then and since.
    """

    def __init__(
        self,
        path: Path | None,
        recipe: dict[str, Any],
        history: History,
        contents: Mapping[str, Digest] | None = None,
        parts: Mapping[str, dict[str, str]] = MappingProxyType({}),
    ):
        self.path = path
        self.recipe = recipe
        self.contents = dict(contents or {})
        self.parts = {name: each for name, each in parts.items() if each}
        self.history = history
        self.spent_before: float = history.elapsed
        self.identity: str = history.start.identity if history.events else uuid.uuid4().hex[:8]
        self._opened = time.monotonic()
        self._claim: Claim | None = None
        self._file: GrowingFile | None = None
        self._codec = Codec()
        self._listeners: list[Callable[[Event], None]] = []

    @classmethod
    def open(
        cls,
        path: Path,
        recipe: dict[str, Any],
        contents: Mapping[str, Digest] | None = None,
        parts: Mapping[str, dict[str, str]] = MappingProxyType({}),
    ) -> "Journal":
        """Open the journal of a recipe, new or old.

        Where the recipe has a larger budget than it, or another steering, that is written down.

        Raises:
            JournalError: if it belongs to another recipe or version, or is damaged before its last line.
            WritingError: if another process is at work in its folder.
            OSError: if its folder cannot be made.
        """
        written = RunFolder.WRITTEN_FOR_ENCODER if is_of_encoder(recipe) else RunFolder.WRITTEN
        claim, file, codec = claimed(path.parent, _lock_of(path), written), GrowingFile(path), Codec()
        changes: list[Event] = []
        try:
            journal = cls(path, recipe, _decoded(path, file.read(), codec), contents, parts)
            if journal.history.events:
                changes = journal._check(path)
        except BaseException:
            file.close()
            claim.release()
            raise
        # Released when the process ends, however it ends.
        journal._claim, journal._file, journal._codec = claim, file, codec
        for change in changes:
            journal.append(change)
        return journal

    @classmethod
    def following(cls, path: Path, recipe: dict[str, Any], history: History) -> "Journal":
        """The journal as the other processes of a launch have it: in memory. They go by the claim of the main one."""
        journal = cls(None, recipe, history)
        journal._claim = shared_claim(path.parent, _lock_of(path))
        return journal

    def _check(self, path: Path) -> list[Event]:
        """See that the journal is of the recipe, or of one with a smaller budget or another steering.

        Returns:
            What has changed, as events.
        """
        groups = groups_of(self.recipe)
        start, recipe = self.history.start, decisive(with_defaults(groups, self.recipe))
        written, contents = decisive(self.history.recipe), start.contents or {}
        names = list(find_changes(groups, written, contents, recipe, self.contents))
        changed = [
            f"{name}: {written.get(name)!r} there, {recipe.get(name)!r} here"
            if written.get(name) != recipe.get(name)
            else f"{name}: what {recipe.get(name)!r} holds has changed"
            for name in names
        ]
        there, here = start.objects or {}, self.parts.get("objects", {})
        changed += [
            f"{name}: {there.get(name, 'that of the recipe')} there, {here.get(name, 'that of the recipe')} here"
            for name in sorted({*there, *here})
            if there.get(name) != here.get(name)
        ]
        budget, steering = ({name: recipe[name] for name in some if name in recipe} for some in (EXTENDED, STEERED))
        grows = all(budget[name] >= written[name] for name in budget) and not self.history.budgets
        if changed and not (len(changed) == len(names) and grows and set(names) <= {*budget, *steering}):
            raise JournalError(
                f"{path.parent} holds a search with another recipe ({'; '.join(changed)}): use the same recipe to "
                f"resume it, which is recipe.yaml there ({', '.join(EXTENDED)} may grow, {', '.join(STEERED)} "
                "change), or another --output-dir"
            )
        steered = [Steered(generation=self.history.next_generation, **steering)] if set(names) & set(steering) else []
        extended = [Extended(**budget)] if set(names) & set(budget) else []
        if steered and self.history.finished and not extended:
            raise JournalError(
                f"the search in {path.parent} is finished: to go on otherwise, give it more --candidates"
            )
        return [*extended, *steered]

    def close(self) -> None:
        """Let other processes open it."""
        if self._file is not None:
            self._file.close()
        if self._claim is not None:
            self._claim.release()

    def elapsed(self) -> float:
        """Seconds of this search, earlier runs of it counted in."""
        return self.spent_before + time.monotonic() - self._opened

    def append(self, event: Event) -> None:
        """Write an event, with the time; it is on the disk when this returns.

        Raises:
            JournalError: if it cannot be written, as on a full disk; the file is then as it was before.
            ReplacedError: if the file, or its folder, was removed or is another run's by now; that is left alone.
        """
        events = [event] if self.history.events else [self._start(), event]
        events = [replace(each, elapsed=round(self.elapsed(), 2)) for each in events]
        if self._file is not None:
            self._write(self._file, events)
        for each in events:
            self.history.add(each)
        for listener in self._listeners:
            listener(events[-1])

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Have a function called with every event from now on, once it is written."""
        self._listeners.append(listener)

    def _start(self) -> Start:
        return Start(
            version=VERSION,
            identity=self.identity,
            recipe=self.recipe,
            contents=self.contents or None,
            origins=self.parts.get("origins"),
            objects=self.parts.get("objects"),
            environment=environment(),
        )

    def _write(self, file: GrowingFile, events: list[Event]) -> None:
        codec, before = self._codec.copy(), len(self.history.events)
        try:
            file.append(b"".join(map(codec.encode, events)))
        except OSError as error:
            safe = f"the {before} events before are safe" if before else "nothing was lost"
            raise JournalError(
                f"{file.path} could not be written ({error.strerror}), {safe}: {how_to_mend(error)}"
            ) from error
        self._codec = codec

    def compare(self, event: Event, facts: Mapping[str, Any], what: str) -> None:
        """See that an event says what this run comes to again.

        Args:
            event: one that was written.
            facts: what it should say.
            what: the event is about, in words.

        Raises:
            JournalError: if it says otherwise.
        """
        for name, value in facts.items():
            if (written := getattr(event, name)) != value:
                raise JournalError(
                    f"the journal says of {what}: {name} {excerpt(written)}, and this run comes to {excerpt(value)}: "
                    "it was changed, or begun with other versions of this package and its libraries; restore it, go on "
                    "with those, or search in another --output-dir"
                )


def _lock_of(path: Path) -> Path:
    """The file of the lock of a journal."""
    return path.with_name(f".{path.name}.lock")


def recorded_recipe(path: Path) -> dict[str, Any]:
    """The options that a journal was begun with; none where there is no journal, or it cannot be read."""
    try:
        with path.open("rb") as file:
            history = decode_all([file.readline().removesuffix(b"\n")], Codec())
    except (OSError, RecordError):
        return {}
    return history.start.recipe


def read_history(path: Path) -> History:
    """What a journal tells, which stays as it is; a last line that was cut off is left out.

    Raises:
        JournalError: if it is of another version, or damaged before its last line.
        OSError: if it cannot be read.
    """
    *lines, _ = path.read_bytes().split(b"\n")
    return _decoded(path, lines, Codec())


def _decoded(path: Path, lines: Iterable[bytes], codec: Codec) -> History:
    try:
        return decode_all(lines, codec)
    except VersionError as error:
        raise JournalError(
            f"{path} is {error}: use the version of this package that wrote it, or another --output-dir"
        ) from error
    except UnregisteredError as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    except RecordError as error:
        raise JournalError(
            f"{path}, line {error.line}, is damaged ({error}); only a last line may be: restore the file, or use "
            "another --output-dir"
        ) from error
