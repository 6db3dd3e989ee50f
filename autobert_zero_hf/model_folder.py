"""The folder of a run where a model is wanted: its best model is taken, and a run without a model says so."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import AutoBertZeroError
from .folders import BEST, FolderKind, kind_of
from .model import ARCHITECTURES
from .options import places_in

_UNFINISHED = {"checkpoints": "pre-training", ".unfinished": "fine-tuning"}
"""By what a command leaves in a folder as long as there is no model."""


def find_model(source: str) -> str:
    """Where the model is that is meant: of a run's folder its `best/`, which is said; all else is as it was given.

    Args:
        source: a folder or Hub name.

    Raises:
        AutoBertZeroError: if it is the folder of a run that has no model yet, or has several, one for each budget.
    """
    folder = Path(source)
    if not os.path.isdir(folder) or (folder / "config.json").exists():
        return source
    unfinished = next((what for sign, what in _UNFINISHED.items() if (folder / sign).exists()), None)
    kind = kind_of(folder)
    if (folder / BEST / "config.json").exists():  # of a search, or of a budget of a shrink
        what = "search" if kind is FolderKind.SEARCH else "run"
        if os.environ.get("RANK", "0") == "0":  # of a launch, one process says it
            print(f"{source} is the folder of a {what}: its {BEST}/ is taken", file=sys.stderr, flush=True)
        return str(folder / BEST)
    if kind is FolderKind.SEARCH:
        unfinished = "search"
    elif winners := sorted(folder.glob(f"*/{BEST}/config.json")):  # of the budgets of a shrink, or of several searches
        many = f"one of {len(winners)}, such as " if len(winners) > 1 else ""
        raise AutoBertZeroError(f"{source} holds runs, and is no model: did you mean {many}{winners[0].parent}?")
    elif kind is FolderKind.SHRINK:
        unfinished = "search for several budgets"
    if unfinished:
        raise AutoBertZeroError(
            f"the {unfinished} in {source} is not finished, and there is no model yet: run it to its end first"
        )
    return source


def find_models(groups: Sequence[type], values: Mapping[str, Any]) -> dict[str, Any]:
    """Options, of which those that lead to a model lead to where it is, as `find_model` says.

    Args:
        groups: whose options they are.
        values: the options by name.

    Raises:
        AutoBertZeroError: as `find_model` does.
    """
    found = dict(values)
    for name, place in places_in(groups, values).items():
        if place == "model" or (place == "backbone" and values[name] not in ARCHITECTURES):
            found[name] = find_model(values[name])
    return found
