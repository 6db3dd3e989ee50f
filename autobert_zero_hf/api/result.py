"""What a function of this package found: facts, the same in words, and for notebooks as HTML."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any


class Result(Mapping[str, Any]):
    """What came of it.

    As a mapping it has the facts, which JSON can hold; printed, it says the same in words.

    Args:
        facts: by their names.
        words: for a reader.
    """

    def __init__(self, facts: Mapping[str, Any], words: str):
        self.facts = dict(facts)
        self.words = words

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)

    def __str__(self) -> str:
        return self.words

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.facts)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.words)}</pre>"


class FolderResult(Result):
    """What came of it, in a folder, which it may be given in the place of.

    Args:
        facts: by their names.
        words: for a reader.
        folder: what was written.
    """

    def __init__(self, facts: Mapping[str, Any], words: str, folder: str | Path):
        super().__init__({**facts, "written": str(folder)}, f"{words}\nWritten: {folder}")
        self.folder = Path(folder)

    def __fspath__(self) -> str:
        return str(self.folder)
