"""What options lead to: the same text or model by whatever path, wherever a run was moved to."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model import ARCHITECTURES
from ..options import Place, places_in

Digest = str | list[str | None] | None
"""Of what a path leads to, or of each of several; None where nothing is there, as with a name of the Hub."""
_OF_A_TABLE = (".csv", ".tsv", ".ndjson", ".parquet", ".arrow")
_OF_A_MODEL = (".json", ".safetensors", ".bin", ".txt")


def find_contents(groups: Sequence[type], values: Mapping[str, Any]) -> dict[str, Digest]:
    """The digests of what options lead to, by the options' names.

    Args:
        groups: whose options they are.
        values: the options by name.
    """
    found = {name: digest(place, values[name]) for name, place in places_in(groups, values).items()}
    return {name: each for name, each in found.items() if each is not None}


def find_changes(
    groups: Sequence[type],
    there: Mapping[str, Any],
    contents_there: Mapping[str, Digest],
    here: Mapping[str, Any],
    contents_here: Mapping[str, Digest],
) -> list[str]:
    """The names of the options that mean something else here than there, in order.

    Args:
        groups: whose options they are.
        there: the options of one run, by name.
        contents_there: what `find_contents` gave; empty where an older version did not write it down.
        here: those of the other.
        contents_here: the same.
    """
    places = {**places_in(groups, there), **places_in(groups, here)}
    return [
        name
        for name in sorted({*there, *here})
        if (
            not leads_to_same(
                places[name], there.get(name), contents_there.get(name), here.get(name), contents_here.get(name)
            )
            if name in places
            else there.get(name) != here.get(name)
        )
    ]


def leads_to_same(place: Place, there: Any, digest_there: Digest, here: Any, digest_here: Digest) -> bool:
    """Whether two paths, or lists of them, lead to the same.

    Args:
        place: what they lead to.
        there: the one.
        digest_there: of what it led to; None where that is not known.
        here: the other.
        digest_here: the same.
    """
    if not (_are_paths(there) and _are_paths(here)):
        return there == here
    known = _whole(digest_there) and _whole(digest_here)
    if known and digest_there == digest_here:
        return True
    same_path = _resolved(there) == _resolved(here)
    # Of a data set the names and sizes alone are known: what its rows are, a run finds out that reads them.
    return same_path and (not known or place == "dataset")


def digest(place: Place, value: str | list[str]) -> Digest:
    """The digest of what a path leads to.

    Args:
        place: what that is. Of a model it is `digest_of_model`; of a data set, which may be too large to be read twice,
            that of the files' names and sizes.
        value: the path, or several.
    """
    if isinstance(value, list):
        return [_digest(place, each) for each in value]
    return _digest(place, value)


def digest_of_model(model: str) -> str:
    """A digest of a folder's configuration, weights and vocabulary; empty for a name of the Hub."""
    there = sorted(Path(model).iterdir()) if os.path.isdir(model) else []
    files = [file for file in there if file.suffix in _OF_A_MODEL and file.is_file()]
    return _short([f"{file.name} {_of_file(file)}\n" for file in files]) if files else ""


def digest_of_file(file: Path) -> str:
    """The digest of what a file holds, 16 hexadecimal digits."""
    return _of_file(file)[:16]


def _digest(place: Place, value: str) -> str | None:
    path = Path(value)
    try:
        if place == "text":
            return digest_of_file(path) if path.is_file() else None
        if place == "tasks":
            if path.is_file():
                return digest_of_file(path)
            # Beside a folder of tasks, whose digest stays what it was, a data set: with its files here or further in.
            here = {*path.rglob("*.json*"), *filter(_is_table, path.glob("*"))}
            files = sorted(here or filter(_is_table, path.rglob("*")))
            return _short([f"{file.relative_to(path)} {_of_file(file)}\n" for file in files]) if files else None
        if place == "dataset":
            files = sorted(path.rglob("*"))
            return _short([f"{file.relative_to(path)} {file.stat().st_size}\n" for file in files]) if files else None
        return None if place == "backbone" and value in ARCHITECTURES else digest_of_model(value) or None
    except (OSError, ValueError):  # what cannot be read, or is no path, is said where it is used
        return None


def _is_table(file: Path) -> bool:
    return file.suffix.lower() in _OF_A_TABLE


def _of_file(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _short(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _whole(digest: Digest) -> bool:
    return isinstance(digest, str) or (isinstance(digest, list) and None not in digest)


def _are_paths(value: Any) -> bool:
    each = value if isinstance(value, list) else [value]
    return bool(each) and all(isinstance(path, str) and "\0" not in path for path in each)


def _resolved(value: str | list[str]) -> list[str]:
    return [os.path.realpath(path) for path in (value if isinstance(value, list) else [value])]
