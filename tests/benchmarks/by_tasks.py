"""A search by tasks to its end: is its winner worth more on tasks than BERT?

The quickstart (norms first, rotary positions) on the three texts of `tests.benchmarks.winner`, with 100 candidates, and
rungs that end with the five tasks: 24 candidates after 200 steps on masked words, 12 after 400 by 50 steps on each
task, 4 after 800 by 200. Then the winner, BERT and `conv(9)` are trained from scratch for 4 and 16 times 400 steps with
three seeds, each at the best of three learning rates (chosen by masked words after 1,600 steps of seed 0, the same for
all three), and fine-tuned, 3 epochs on each task: differences from BERT, paired by seed.

The tasks' validation rows chose the winner, and score it: so that what it gains there is in part luck. It resumes, and
`write` keeps what there is so far: where the search is no more, its winner is the kept one. A night of one core:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.by_tasks DATA runs/by-tasks search
    OMP_NUM_THREADS=1 python -m tests.benchmarks.by_tasks DATA runs/by-tasks train [BACKBONE ...]
    python -m tests.benchmarks.by_tasks DATA runs/by-tasks write
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.search_run import search
from autobert_zero_hf.search.run.summary import search_result

from autobert_zero_hf import architecture
from autobert_zero_hf.launch.subnormals import subnormals
from tests.benchmarks.experiment import fill, rows_of
from tests.benchmarks.paired import machine
from tests.benchmarks.winner import (
    NUM_LAYERS,
    TASKS,
    FineTuning,
    Training,
    files,
    names,
    summary,
    tunings,
)

BLOCK = {"block": "pre_norm", "positions": "rotary", "mixed_precision": "no"}
SEARCH: dict[str, Any] = {
    "supernet_steps": 1000,
    "candidates": 100,
    "rungs": ["24 accuracy 200", "12 tasks 400 50", "4 tasks 800 200"],
    "rung_rows": 1000,
    "tasks": list(TASKS),
    "task_by_length": True,
    "mixed_precision": "no",
}
RATES = (1e-3, 3e-3, 9e-3)
KEPT = Path(__file__).with_suffix(".json")
TUNED_AFTER = 4
"""Times 400 steps, by which the learning rate is chosen."""


def recipe(data: Path) -> Recipe:
    """The quickstart with rungs by tasks."""
    more = {"text": files(data, "train"), "task_data": str(data / "glue")}
    return Recipe.from_dict({**load_options("quickstart"), **SEARCH, **more}, SEARCH)


def found_by(folder: Path) -> dict[str, Any]:
    """What the search came to: of its folder, or what was kept of it."""
    if not (folder / "search" / "best").exists():
        return dict(json.loads(KEPT.read_text())["search"])
    found = search_result(folder / "search")
    return {
        "winner": found["models"]["best"]["layers"],
        "seconds": round(found["seconds"]),
        **{name: found[name] for name in ("rungs", "models", "difference", "difference_standard_error", "ties")},
    }


def backbones_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """The winner of the search, and what it is compared with."""
    winner = tuple(found_by(folder)["winner"])
    return {"winner": winner, "bert": tuple(architecture("bert", NUM_LAYERS)), "conv(9)": ("conv(9)",) * NUM_LAYERS}


def rates_of(folder: Path) -> dict[str, float]:
    """The best learning rate of each backbone that was tried with all of them."""
    tried: dict[str, dict[float, float]] = {}
    for row in rows_of(folder / "rates.jsonl"):
        backbone, rate = row["name"].split("/")[0].rsplit(" at ", 1)
        tried.setdefault(backbone, {})[float(rate)] = row["accuracy"]
    return {name: max(RATES, key=mine.__getitem__) for name, mine in tried.items() if len(mine) == len(RATES)}


def train(folder: Path, data: Path, backbones: Mapping[str, tuple[str, ...]]) -> None:
    """Choose learning rates, then train and fine-tune what is missing."""
    tried = {f"{name} at {rate}": layers for name, layers in backbones.items() for rate in RATES}
    rates = {f"{name} at {rate}": rate for name in backbones for rate in RATES}
    trial = Training(folder / "rates", data, tried, rates, **BLOCK)
    fill(folder / "rates.jsonl", [f"{name}/{TUNED_AFTER}/0" for name in tried], trial)
    training = Training(folder, data, backbones, rates_of(folder), **BLOCK)
    fill(folder / "pretraining.jsonl", [each for each in names(backbones) if each.split("/")[1] != "1"], training)
    fill(folder / "finetuning.jsonl", tunings(backbones), FineTuning(folder, data, training))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=["search", "train", "write"])
    parser.add_argument("backbones", nargs="*")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.part == "search":
        search(recipe(given.data), given.folder / "search")
        return
    backbones = backbones_of(given.folder)
    if given.part == "train":
        if unknown := set(given.backbones).difference(backbones):
            parser.error(f"unknown backbones {sorted(unknown)}: known are {', '.join(backbones)}")
        with subnormals(flushed=True):
            train(given.folder, given.data, {name: backbones[name] for name in given.backbones or backbones})
        return
    rows = {name: rows_of(given.folder / f"{name}.jsonl") for name in ("pretraining", "finetuning")}
    facts = {
        "what": "a search by tasks; its winner, BERT and conv(9), each at the best of three learning rates",
        "machine": machine(),
        "backbones": {name: list(layers) for name, layers in backbones.items()},
        "search": found_by(given.folder),
        "learning rates": rates_of(given.folder),
        "results": summary(**rows) if all(rows.values()) else "not there yet",
        **rows,
    }
    print(json.dumps(facts["results"], indent=1))
    KEPT.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
