"""What numbers below 1e-38 cost: the table's drawn backbones trained with them, and with nought in their place.

Each begins with the weights of the super-net, as in a search, and trains STEPS steps of 8 rows of 128 tokens, ROUNDS
times in each way, in turn. Processor seconds; the ratios; and whether a word is foretold otherwise afterwards.

DATA and FOLDER as for `tests.benchmarks.backbone_table.measure`, whose super-net is taken:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.subnormals DATA runs/table
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.space.candidate import Candidate

from autobert_zero_hf.launch.subnormals import subnormals
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.backbone_table.measure import RATE, ROWS, Table
from tests.benchmarks.experiment import fill
from tests.benchmarks.paired import machine

STEPS, ROUNDS, SLOWEST = 10, 3, 8


def paired(table: Table, candidate: Candidate) -> dict[str, Any]:
    experiment = table.experiment
    seconds: dict[bool, list[float]] = {False: [], True: []}
    scores: dict[bool, float] = {}
    held_out = experiment.held_out.batch(list(range(256)), seed=0)
    for _ in range(ROUNDS):
        for flushed in seconds:
            model = experiment.net.extract(candidate.layers)
            with subnormals(flushed=flushed):
                start = time.process_time()
                train_masked_lm(model, experiment.train, STEPS, ROWS, RATE, 0, experiment.accelerator.autocast)
                seconds[flushed].append(time.process_time() - start)
                scores[flushed] = evaluate_masked_lm(model, held_out).value
    kept, nought = (statistics.median(seconds[flushed]) for flushed in (False, True))
    return {
        "kept": round(kept, 3),
        "nought": round(nought, 3),
        "ratio": round(kept / nought, 2),
        "same score": scores[False] == scores[True],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    table = Table(given.data, given.folder)
    rows = fill(given.folder / "subnormals.jsonl", table.named, lambda name: paired(table, table.named[name]))
    by_ratio = sorted(rows.values(), key=lambda row: -row["ratio"])
    facts = {
        "machine": machine(),
        "backbones": len(rows),
        "seconds of all, kept and nought": [round(sum(row[way] for row in by_ratio), 1) for way in ("kept", "nought")],
        "ratio, median": statistics.median(row["ratio"] for row in by_ratio),
        "more than 1.2 times as slow": sum(row["ratio"] > 1.2 for row in by_ratio),
        "of other scores": sum(not row["same score"] for row in by_ratio),
        "the slowest": [
            {"layers": list(table.named[row["name"]].layers), **{k: v for k, v in row.items() if k != "name"}}
            for row in by_ratio[:SLOWEST]
        ],
    }
    print(json.dumps(facts, indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
