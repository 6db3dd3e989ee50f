"""Symbolic links: what is published is what lies in a folder, and not what a link in it leads to elsewhere."""

import os
from collections.abc import Iterable
from pathlib import Path

from autobert_zero_hf.errors import AutoBertZeroError

_TEMPLATES = "additional_chat_templates"
"""The one folder inside a model's whose files belong to it."""


def check_links(folder: Path, names: Iterable[str] | None = None) -> None:
    """Refuse a folder with a link to a file elsewhere, whose content would be published.

    A snapshot in the Hub's cache is made of links to the blobs of its page, which are the page's own.

    Args:
        folder: whose files are to be published.
        names: which ones; all by default.

    Raises:
        AutoBertZeroError: if one of them is a link that leaves the folder; it names both.
    """
    here = folder.resolve()
    allowed = [here, *([here.parent.parent / "blobs"] if here.parent.name == "snapshots" else [])]
    if names is None:
        inside = folder / _TEMPLATES
        files = [*folder.iterdir(), *(inside.iterdir() if inside.is_dir() else ())]
    else:
        files = [folder / name for name in names]
    for file in files:
        target = Path(os.path.realpath(file))  # which takes a circle of links, too
        leaves = not any(target.is_relative_to(place) for place in allowed)
        if leaves and (file.is_file() or file.name == _TEMPLATES):
            raise AutoBertZeroError(
                f"{file} is a link to {target}, outside of the folder, and would be published: put a copy of the file "
                "in its place, or take the link away"
            )
