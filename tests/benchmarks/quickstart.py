"""What does the demo find, in five seeds, with a rung and without, and in BERT's block?

The recipe quickstart, whole, beside the best BERT of three learning rates in both blocks; the same with a rung of four,
beside a BERT of its own block; and the same search in BERT's block, with learned positions, as the recipe had it
before. It resumes; each seed may run in a process of its own:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.quickstart runs/quickstart now 0
    OMP_NUM_THREADS=1 python -m tests.benchmarks.quickstart runs/quickstart before 0
    python -m tests.benchmarks.quickstart runs/quickstart

The last one writes down what there is.
"""

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.search_run import search
from autobert_zero_hf.search.run.summary import search_result
from autobert_zero_hf.search.runtime.journal import read_history

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.benchmarks.blocks import kind
from tests.benchmarks.experiment import BERTS, fill, rows_of
from tests.benchmarks.paired import machine

SEEDS = 5
EDITIONS: Mapping[str, Mapping[str, Any]] = {
    "now": {"baseline_blocks": ["bert"]},
    "last round": {"rungs": ["4 accuracy 400"]},
    "before": {**BERTS, "baseline_rates": [0.3, 1, 3]},
}


def run(folder: Path, edition: str, seed: int) -> dict[str, Any]:
    """A whole search, and what came of it."""
    options = {**load_options("quickstart"), **EDITIONS[edition], "seed": seed, "mixed_precision": "no"}
    place = folder / f"{edition}-{seed}"
    search(Recipe.from_dict(options), place)
    result, history = search_result(place), read_history(place / "journal.jsonl")
    best, bert = (history.finalists[name] for name in ("best", "bert"))
    return {
        "layers": best.layers,
        "kind": kind(best.layers),
        "best": best.accuracy,
        "BERT": bert.accuracy,
        "BERT's block": bert.block or options["block"],
        "BERT's learning rate": bert.learning_rate,
        "difference": result["difference"],
        "standard_error": result["difference_standard_error"],
        "seconds": round(history.elapsed),
        "never left the level of word frequency": (result["constant_answer"] or {}).get("never_left"),
    }


def hopeless(place: Path) -> float:
    """The share of a search's time that went to candidates which never rose above the level of word frequency.

    It is the most that it could save to reject them before they are trained, if that took no time and was never wrong.
    """
    history = read_history(place / "journal.jsonl")
    level = history.constant_answer.score if history.constant_answer else 0.0
    spent = sum(each.seconds for each in history.candidates if each.score is None or each.score <= level)
    return round(spent / history.elapsed, 4)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean difference between the winner and its BERT, with its standard error over seeds."""
    differences = [row["difference"] for row in rows]
    error = statistics.stdev(differences) / math.sqrt(len(rows))
    sure = [2 * (row["standard_error"] or 0.0) for row in rows]
    return {
        "best": round(statistics.mean(row["best"] for row in rows), 4),
        "BERT": round(statistics.mean(row["BERT"] for row in rows), 4),
        "difference": [round(statistics.mean(differences), 4), round(error, 4)],
        "seeds": len(rows),
        "better by two errors": sum(each > two for each, two in zip(differences, sure, strict=True)),
        "worse by two errors": sum(each < -two for each, two in zip(differences, sure, strict=True)),
        "BERT itself": sum(set(row["layers"]) == {BERT_ATTENTION} for row in rows),
        "kinds": [row["kind"] for row in rows],
        "BERT's blocks": [row["BERT's block"] for row in rows],
        "seconds, one thread": [row["seconds"] for row in rows],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("edition", nargs="?", choices=EDITIONS)
    parser.add_argument("seeds", nargs="*", type=int, default=list(range(SEEDS)))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    tables = {edition: given.folder / f"{edition}.jsonl" for edition in EDITIONS}
    if given.edition:
        names = [str(seed) for seed in given.seeds]
        fill(tables[given.edition], names, lambda name: run(given.folder, given.edition, int(name)))
        return
    found = {
        edition: sorted(rows_of(table), key=lambda row: row["name"])
        for edition, table in tables.items()
        if table.exists()
    }
    facts = {
        "what": "the recipe quickstart in float32",
        "machine": machine(),
        "summary": {edition: summary(rows) for edition, rows in found.items()},
        "share of the time that went to candidates that learnt nothing": {
            place.name: hopeless(place) for place in sorted(given.folder.glob("*-[0-9]"))
        },
        "runs": found,
    }
    print(json.dumps(facts["summary"], indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
