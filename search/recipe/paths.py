"""The paths of a recipe's file: a relative one means the folder that the file lies in."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autobert_zero_hf.options import Place, places_in

from .options import option_groups


def from_folder(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options as they stand in a file, with paths that hold for this process.

    Args:
        options: by name.
        folder: of the file. What may be a name of the Hub, too, is a path where something lies there.
    """

    def read(place: Place, path: str) -> str:
        there = os.path.join(folder, path)
        if not os.path.exists(there):
            return os.path.normpath(there) if place in ("text", "tasks") else path
        plain = os.path.normpath(there)  # which leads elsewhere where a folder on the way is a link
        return plain if os.path.exists(plain) and os.path.samefile(plain, there) else there

    return _each_path(options, read)


def for_folder(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options for a file, from which `from_folder` makes the same paths again; those that are absolute stay.

    Args:
        options: by name.
        folder: of the file.
    """

    def write(_: Place, path: str) -> str:
        if not os.path.exists(path):
            return path
        above, name = os.path.split(os.path.normpath(path))
        return os.path.relpath(os.path.join(os.path.realpath(above), name), folder.resolve())  # a link keeps its name

    return _each_path(options, write)


def _each_path(options: Mapping[str, Any], change: Callable[[Place, str], str]) -> dict[str, Any]:
    """The options, with each relative path changed."""
    changed = dict(options)
    for name, place in places_in(option_groups(), options).items():
        value = options[name]
        given = value if isinstance(value, list) else [value]
        paths = [each if Path(each).is_absolute() else change(place, each) for each in given]
        changed[name] = paths if isinstance(value, list) else paths[0]
    return changed
