"""Plain data and texts for the eyes of others, which do not tell where files lie on this machine."""

import enum
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

_PATH = re.compile(r"(?<![\w/.:~-])(?!(?<=<)/\w+>)/(?:[^/\s,;'\"]+/)*([^/\s,;'\"]+)")
"""An absolute path inside a text; not what follows a host, as in an address, and not the end of a tag."""


def without_places(value: Any) -> Any:
    """Plain data, or a dataclass of it, with the names of files in the place of where they lie on this machine."""
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: without_places(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, Mapping):
        return {name: without_places(each) for name, each in value.items()}
    if isinstance(value, list):
        names = [without_places(each) for each in value]
        paths = [Path(each) for each in value if isinstance(each, str) and Path(each).is_absolute()]
        if len(paths) == len(value) > len(set(names)):
            return [str(Path(*path.parts[-2:])) for path in paths]
        return names
    if not isinstance(value, str) or isinstance(value, enum.Enum):
        return value
    alone = Path(value).is_absolute() and ", " not in value
    return Path(value).name if alone else _PATH.sub(r"\1", value)


def local_place(folder: Path, name: str = "") -> str:
    """What to give to `from_pretrained` for a model, in a text that others may read.

    A path that begins with `./`, which is never taken for a name of the Hub.

    Args:
        folder: of a run; of an absolute one its name is told alone.
        name: of the model's folder in it; the folder itself by default.
    """
    told = Path(folder.resolve().name) if folder.is_absolute() or ".." in folder.parts else folder
    return f"./{(told / name).as_posix()}"
