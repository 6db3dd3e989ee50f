"""Texts of others in Markdown, as they are: without links, tags, code or cells that they would make there."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")

_SPECIAL = re.compile(r"[&<>\[\]`|*\\~]|(?<![^\W_])_|_(?![^\W_])")
"""What opens a tag, an entity, a link, code, a cell or an emphasis; an underscore inside a word does nothing."""


def escaped(value: ValueT) -> ValueT:
    """Plain data whose texts stand in Markdown, on one line, for what they say.

    References to characters are used, which Markdown never takes for its own signs, also in a table.

    >>> escaped({"text": ["<b>news</b>.txt", 3]})
    {'text': ['&#60;b&#62;news&#60;/b&#62;.txt', 3]}
    """
    return _escaped(value)


def _escaped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_escaped(name): _escaped(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_escaped(each) for each in value)
    if not isinstance(value, str):
        return value
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", line)
