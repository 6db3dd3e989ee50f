"""Moves in the table: is a child better than its parent, by what made it, and is crossover worth having?

Every child's score less its parent's, by words after 400 steps and by tasks after 100 more. A parent was the best of
five by words, so a part of what it is above others is luck, and by words a child is expected to be worse; that is so
for every move alike. Of a crossover its mate's score counts as well: the mean of both parents is where a child of
blended traits would be:

    python -m tests.benchmarks.backbone_table.moved
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.replay import BackboneTable

from tests.benchmarks.backbone_table.replayed import mean_and_error
from tests.benchmarks.experiment import rows_of

FOLDER = Path(__file__).parent
LOOKS = ("words-400", "tasks-100")
LAYOUT = ("copy layer", "change kernel", "swap type")


def move_of(origin: str) -> tuple[str, str | None]:
    """The move's name, and a crossover's mate."""
    move = origin.partition(": ")[2]
    name, _, mate = move.partition(" with ")
    return (name, mate) if mate else (move.partition(" in layer ")[0], None)


def compared(differences: Sequence[float]) -> dict[str, Any]:
    return {
        "children": len(differences),
        "mean and standard error": mean_and_error(differences),
        "median": round(statistics.median(differences), 4),
        "better": sum(each > 0 for each in differences),
    }


def main() -> None:
    table = BackboneTable.load(FOLDER)
    rows = list(rows_of(FOLDER / "backbones.jsonl"))
    identities = {row["name"]: identity for row, identity in zip(rows, table.backbones, strict=True)}
    found: dict[str, Any] = {}
    for look in LOOKS:
        scores = {identity: each.score or 0.0 for identity, each in table.looks[look].items()}
        differences: dict[str, list[float]] = {}
        for row in rows:
            if row["parent"] is None:
                continue
            move, mate = move_of(row["origin"])
            child, parent = scores[identities[row["name"]]], scores[row["parent"]]
            differences.setdefault(move, []).append(child - parent)
            if mate is None:
                group = "all of the layout" if move in LAYOUT else "all of a formula"
                differences.setdefault(group, []).append(child - parent)
            else:
                mean = (parent + scores[mate]) / 2
                differences.setdefault("crossover, less the mean of both", []).append(child - mean)
        found[look] = {move: compared(each) for move, each in sorted(differences.items())}
    print(json.dumps(found, indent=1))
    (FOLDER / "moved.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
