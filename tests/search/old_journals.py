"""Searches by version 0.1.0 as it was before lines had checksums: `text.txt` was searched, with these options."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import journal_lines
from .journal_lines import without_checksums as without_checksums

OLD = Path(__file__).parent / "journals"
"""`plain` searched layers; `sized` sizes, too, within a latency, with a front and weights inherited from parents."""


def with_checksums(events: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as this version writes it."""
    start, *others = events
    others = [{"digest": None, **event} if event.get("event") == "supernet" else event for event in others]
    return journal_lines.with_checksums([{**start, "version": 3}, *others])
