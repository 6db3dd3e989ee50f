"""What a folder is, told by the files that the command which made it writes directly in it."""

import json
import re
from enum import Enum
from pathlib import Path

JOURNAL = "journal.jsonl"
"""The file of a journal in the folder of a search or of a shrink."""
BEST = "best"
"""The folder of the winner in that of a search."""
SHRINK_TABLE = "shrink.json"
"""The file of the table in the folder of a shrink."""
_BUDGET = re.compile(r"\d[\d.e+-]*(ms|x)|\d+-parameters")
"""The name of the folder of a budget, in that of a shrink."""
_OF_ONE_SEARCH = {"candidate", "baseline", "trained", "finished"}
"""Events that the journal of a shrink never has: each of its budgets has a journal of its own."""
_OF_A_SHRINK = {"budgets", "base", "encoder", "parts"}


class FolderKind(Enum):
    """What a folder can be, in words."""

    SEARCH = "a search"
    SHRINK = "a search for each of several budgets"
    PAGE = "a page of the Hub"
    PRE_TRAINED = "a pre-trained model"
    FINE_TUNED = "a fine-tuned model"
    MODEL = "a model"
    EVALUATION = "an evaluation"
    OTHER = "nothing of this package"


_MODELS = {
    "backbone.svg": FolderKind.PAGE,  # which has the records of its model, too
    "result.json": FolderKind.FINE_TUNED,
    "pretraining.json": FolderKind.PRE_TRAINED,
}
"""By a file beside a model, what its folder is."""


def kind_of(folder: Path) -> FolderKind:
    """What a folder is. What lies in folders inside it, such as pages to push, or copies, does not matter."""
    if (folder / "config.json").is_file():
        return next((kind for name, kind in _MODELS.items() if (folder / name).is_file()), FolderKind.MODEL)
    if (folder / JOURNAL).is_file():
        return FolderKind.SHRINK if _is_shrink(folder) else FolderKind.SEARCH
    if (folder / SHRINK_TABLE).is_file():
        return FolderKind.SHRINK
    if (folder / "evaluation.json").is_file() or (folder / "cells.jsonl").is_file():
        return FolderKind.EVALUATION
    return FolderKind.OTHER


def budgets_in(folder: Path) -> list[Path]:
    """The searches of a shrink that have begun, a folder a budget."""
    return sorted(file.parent for file in folder.glob(f"*/{JOURNAL}") if _BUDGET.fullmatch(file.parent.name))


def _is_shrink(folder: Path) -> bool:
    """Whether a journal is that of a shrink, finished or not, and not that of a search."""
    events = set()
    for line in (folder / JOURNAL).read_bytes().splitlines():
        try:
            events.add(json.loads(line)["event"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # whoever reads the journal says what is wrong with it
    if events & _OF_ONE_SEARCH:
        return False
    # Journals of the first version have no event of their own.
    return bool(events & _OF_A_SHRINK) or (folder / SHRINK_TABLE).is_file() or bool(budgets_in(folder))
