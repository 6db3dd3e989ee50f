"""What a search begins with that begins where others ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.excerpts import excerpt

from ..recipe.recipe import Recipe
from ..runtime.journal import read_history
from ..runtime.run_folder import RunFolder
from ..space.starting import written


def best_of(runs: Sequence[Path], options: Mapping[str, Any]) -> list[str]:
    """The best backbones of other searches that belong to the space of this one, each on a line.

    Args:
        runs: their folders, finished or not; of each, so many as have children in this one.
        options: of this one, by name.

    Raises:
        AutoBertZeroError: if there is no search, or nothing of it belongs to the space; it says why.
    """
    recipe = Recipe.from_dict({**options, "starts": []})
    found: list[str] = []
    for run in runs:
        journal = RunFolder(run).journal
        if not journal.is_file():
            raise AutoBertZeroError(f"{run} is not the folder of a search: there is no {journal.name}")
        ranked = sorted(read_history(journal).scored, key=lambda event: (-(event.score or 0.0), event.number))
        lines, reasons = list[str](), list[str]()
        for line in dict.fromkeys(written(event.layers) for event in ranked):
            try:
                recipe.check_start(line)
            except ValueError as error:
                reasons.append(str(error))
            else:
                lines.append(line)
        if not lines:
            why = f": the best, {reasons[0]}" if reasons else ", and none has a score"
            raise AutoBertZeroError(f"no candidate of {run} belongs to the space of this search{excerpt(why)[1:-1]}")
        found += lines[: recipe.strategy.parents]
    return list(dict.fromkeys(found))
