"""Searches by version 0.1.0 as it was before lines had checksums: `text.txt` was searched, with these options."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.runtime.codec import encode_all

OLD = Path(__file__).parent / "journals"
"""`plain` searched layers; `sized` sizes, too, within a latency, with a front and weights inherited from parents."""


def with_checksums(events: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as this version writes it."""
    return encode_all([{**events[0], "version": 3}, *events[1:]])


def without_checksums(events: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as that version wrote it."""
    return "".join(json.dumps(event) + "\n" for event in events).encode()
