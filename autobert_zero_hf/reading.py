"""Text, JSON and YAML as people have them: whatever stands in a file is read, or refused with the reason in a line."""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import yaml

from .errors import AutoBertZeroError
from .model.excerpts import shortened

MAX_DEPTH = 64
"""Lists and mappings inside one another, of JSON and of YAML; what is deeper is no data of ours."""

_HALF = re.compile("[\ud800-\udfff]")
_HALF_IN_JSON = re.compile(r"\\ud[89a-f]", re.IGNORECASE)


class ReadingError(AutoBertZeroError, ValueError):
    """Content that is not what it should be; the message gives the reason, and not the file."""


def decode(content: bytes) -> str:
    """UTF-8 as text; the byte-order mark that some editors begin a file with is left out.

    Raises:
        ReadingError: if it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadingError(f"not UTF-8 text ({error.reason}, at byte {error.start}); convert it first") from error


def parse_json(text: str | bytes) -> Any:
    """A JSON document, which may begin with a byte-order mark; NaN and infinite numbers pass, as Python writes them.

    Raises:
        ReadingError: if it is something else, is not UTF-8, is nested more than `MAX_DEPTH` deep, or has a whole number
            of more digits than Python reads.
    """
    text = decode(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    return _bounded("JSON", lambda: json.loads(text))


def parse_yaml(text: str) -> Any:
    """A YAML document of plain data.

    Raises:
        ReadingError: if it is something else, is nested more than `MAX_DEPTH` deep, repeats a list or a mapping by an
            alias, or has a number of more digits than Python reads.
    """
    return _bounded("YAML", lambda: yaml.load(text.removeprefix("\ufeff"), _PlainLoader))


def parse_json_mended(text: str) -> tuple[Any, bool]:
    """A JSON document of somebody's data, with U+FFFD for each half of a character, and whether there was one.

    Half of a character, a lone surrogate as of an emoji that was cut in two, is what no file and no tokenizer takes. A
    text keeps its length, so that places in it stay where they are.

    Raises:
        ReadingError: as `parse_json`.
    """
    value = parse_json(text)
    # A whole character beyond the first 65,536 may be written in two halves, too; the parser has joined them.
    if _HALF_IN_JSON.search(text) is None:
        return value, False
    mended = _mended(value)
    return mended, mended != value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(each) for name, each in value.items()}
    return value


def _bounded(kind: str, parse: Callable[[], Any]) -> Any:
    """What a parser makes of a text, and its failures in words."""
    too_deep = f"not {kind} that can be read: nested more than {MAX_DEPTH} deep"
    try:
        value = parse()
    except RecursionError as error:
        raise ReadingError(too_deep) from error
    except ReadingError:
        raise
    except Exception as error:  # the constructors of PyYAML raise nearly anything
        said = " ".join(str(error).split()) or type(error).__name__
        if "integer string conversion" in said:
            said = f"a number of more than {sys.get_int_max_str_digits():,} digits"
        raise ReadingError(f"not {kind} ({shortened(said, 200)})") from error
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        # The lists and mappings of a level, and then what is in them.
        nested = [each for each in level if isinstance(each, dict | list)]
        if not nested:
            return value
        level = [inner for each in nested for inner in (each.values() if isinstance(each, dict) else each)]
    raise ReadingError(too_deep)


class _PlainLoader(yaml.SafeLoader):
    """Aliases of single values alone: by those of lists and mappings a few lines stand for gigabytes, or for no end."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            anchor = self.peek_event().anchor
            if not isinstance(self.anchors.get(anchor), yaml.ScalarNode | None):
                raise ReadingError(f"not YAML that can be read: the alias *{anchor} repeats a whole list or mapping")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node
