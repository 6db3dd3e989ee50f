"""Where a registered part comes from: the module that registered it, and the distribution that brought the module."""

import importlib.metadata
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .excerpts import excerpt

NOT_REGISTERED = "not registered: --import the module that defines it"
"""What is said of a name that no part has."""

_OWN = __name__.partition(".")[0]
_TOLD = 8


def registering_module(callers: int) -> str | None:
    """The module whose code led here by so many calls, this one included; None if it is of this package."""
    names = sys._getframe(callers).f_globals
    name: str = names.get("__name__", "__main__")
    if name == "__main__":  # under which nobody else can import it
        spec, file = names.get("__spec__"), names.get("__file__")
        name = spec.name if spec else Path(file).stem if file else name
    return None if name.partition(".")[0] == _OWN else name


def with_version(module: str) -> str:
    """The name of a module, with the distribution that it is installed from, where that is known.

    >>> with_version("yaml.nodes").startswith("yaml.nodes (PyYAML ")
    True
    >>> with_version("of_nobody")
    'of_nobody'
    """
    found = _distributions().get(module.partition(".")[0], ())
    versions = [f"{name} {importlib.metadata.version(name)}" for name in sorted(set(found))]
    return f"{module} ({', '.join(versions)})" if versions else module


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def origins_of(lines: Sequence[str], registered: Mapping[str, str]) -> dict[str, str]:
    """Where the words of lines come from that are not of this package.

    Args:
        lines: a backbone, and the name of its block.
        registered: the modules that registered words, by these words.
    """
    words = {word for line in lines for word in re.findall(r"\w+", line)} & registered.keys()
    return {word: with_version(registered[word]) for word in sorted(words)}


def told_origins(lines: Sequence[Any], told: Any) -> str:
    """What a configuration says of where its words come from, for a message, a line each; it is somebody's text.

    Args:
        lines: its backbone, and its block.
        told: what stands in its `origins`.
    """
    if not isinstance(told, dict):
        return ""
    words = {word for line in lines if isinstance(line, str) for word in re.findall(r"\w+", line)}
    known = [f"\n- it was made where {word} is of {excerpt(told[word])}" for word in sorted(words & told.keys())]
    return "".join(known[:_TOLD])
