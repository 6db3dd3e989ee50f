"""What controls of the page hold: anybody may send anything."""

from typing import Any


def text_of(value: Any) -> str:
    """What a control holds, as a text that can be shown; half of a character is a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
