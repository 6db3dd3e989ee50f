"""Does a score on inherited weights rank backbones as training each from scratch does?

24 random backbones of the quickstart's space are each trained from scratch (1,600 steps of 8 rows) and scored on all
held-out rows; and each scored by inheritance, after several numbers of further steps, from two super-nets: one that met
standard attention only, and one whose attentions were random formulas in a tenth of the backbones. Kendall's tau with a
bootstrap interval over the backbones, and what a backbone costs either way, in CPU seconds, the super-net's training
counted in. It resumes; the two parts may run side by side:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.biws_ranking runs/biws scratch
    OMP_NUM_THREADS=1 python -m tests.benchmarks.biws_ranking runs/biws inherited
    python -m tests.benchmarks.biws_ranking runs/biws
"""

import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autobert_zero_hf.search.space.candidate import Candidate
from scipy.stats import kendalltau

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

BACKBONES = 24
SCRATCH_STEPS = 1600
LEARNING_RATE = 1e-3
SHARES = (0.0, 0.1)
STEPS = (0, 8, 32)
BOOTSTRAPS = 10_000

Row = dict[str, Any]


def backbones() -> dict[str, tuple[str, ...]]:
    """The same in every part."""
    rng, space = random.Random(0), Experiment.make_recipe().search_space
    sampled = [space.sample(rng).layers for _ in range(BACKBONES)]
    return {f"{number}: {' | '.join(layers)}": layers for number, layers in enumerate(sampled)}


def timed(compute: Callable[[str], Row]) -> Callable[[str], Row]:
    """With the CPU seconds of the process."""

    @wraps(compute)
    def with_seconds(name: str) -> Row:
        start = time.process_time()
        return {**compute(name), "seconds": round(time.process_time() - start, 2)}

    return with_seconds


def from_scratch(experiment: Experiment, layers: Sequence[str], learning_rate: float = LEARNING_RATE) -> Row:
    """What a backbone comes to that is trained alone, on all held-out rows."""
    held_out = experiment.held_out.batch(list(range(len(experiment.held_out))), seed=0)
    torch.manual_seed(0)
    model = AutoBertZeroForMaskedLM(experiment.config(layers))
    try:
        autocast = experiment.accelerator.autocast
        train_masked_lm(model, experiment.train, SCRATCH_STEPS, 8, learning_rate, 0, autocast)
        score = evaluate_masked_lm(model, held_out)
    except FloatingPointError as error:
        return {"score": None, "failure": str(error)}
    return {"score": score.value, "standard_error": score.standard_error}


def train_from_scratch(folder: Path) -> dict[str, Row]:
    experiment, layers = Experiment(folder), backbones()

    @timed
    def scratch(name: str) -> Row:
        return from_scratch(experiment, layers[name])

    return fill(folder / "scratch.jsonl", layers, scratch)


def score_by_inheritance(folder: Path) -> list[Row]:
    """A row for each share and number of steps, with the scores of all backbones."""
    layers, results = backbones(), []
    for share in SHARES:
        place = folder / f"share-{share}"
        experiment = Experiment(place, random_attention=share)

        @timed
        def train(_: str, experiment: Experiment = experiment) -> Row:
            return {"steps": experiment.net and experiment.recipe.supernet.supernet_steps}

        supernet = fill(place / "supernet.jsonl", ["super-net"], train)["super-net"]["seconds"]
        for steps in STEPS:

            @timed
            def inherited(name: str, experiment: Experiment = experiment, steps: int = steps) -> Row:
                result = experiment.estimator(candidate_steps=steps).evaluate(Candidate(layers[name]))
                return {"score": result.score, "standard_error": result.standard_error, "failure": result.detail}

            rows = fill(place / f"steps-{steps}.jsonl", layers, inherited)
            results.append({"random_attention": share, "steps": steps, "supernet_seconds": supernet, "rows": rows})
    return results


def tau(cheap: Sequence[Row], dear: Sequence[Row]) -> Row:
    """Kendall's, where a failure ranks last, its 95% interval, and that of those that are better than the median."""
    pairs = np.array([[-1.0 if row["score"] is None else row["score"] for row in rows] for rows in (cheap, dear)])
    upper = pairs[:, pairs[1] > np.median(pairs[1])]
    draws = np.random.default_rng(0).integers(0, pairs.shape[1], (BOOTSTRAPS, pairs.shape[1]))
    taus = [kendalltau(*pairs[:, draw]).statistic for draw in draws]
    return {
        "tau": round(float(kendalltau(*pairs).statistic), 3),
        "tau_upper_half": round(float(kendalltau(*upper).statistic), 3),
        "tau_95": [round(float(x), 3) for x in np.nanpercentile(taus, [2.5, 97.5])],
    }


def costs(cheap: Sequence[Row], dear: Sequence[Row], supernet: float) -> Row:
    """Mean CPU seconds of a backbone, and how many times as much all backbones cost from scratch."""
    one, other = (sum(row["seconds"] for row in rows) / len(rows) for rows in (cheap, dear))
    return {
        "seconds_inherited": round(one, 2),
        "seconds_scratch": round(other, 2),
        "seconds_supernet": supernet,
        "cost_ratio": {many: round(many * other / (many * one + supernet), 1) for many in (len(dear), 64, 760)},
    }


def summary(scratch: Mapping[str, Row], inherited: Sequence[Row]) -> list[Row]:
    """What each way to inherit comes to."""
    results = []
    for setting in inherited:
        cheap, dear = [setting["rows"][name] for name in scratch], list(scratch.values())
        facts = {name: setting[name] for name in ("random_attention", "steps")}
        facts["failures"] = sum(row["score"] is None for row in cheap)
        results.append({**facts, **tau(cheap, dear), **costs(cheap, dear, setting["supernet_seconds"])})
        print(results[-1])
    return results


def main() -> None:
    folder, parts = Path(sys.argv[1]), sys.argv[2:]
    if parts == ["scratch"]:
        train_from_scratch(folder)
    elif parts == ["inherited"]:
        score_by_inheritance(folder)
    else:
        scratch, inherited = train_from_scratch(folder), score_by_inheritance(folder)
        facts = {
            "what": f"quickstart recipe, seed 0; from scratch {SCRATCH_STEPS} steps of 8 rows at {LEARNING_RATE}",
            "machine": machine(),
            "results": summary(scratch, inherited),
            "scratch": list(scratch.values()),
            "inherited": [{**setting, "rows": list(setting["rows"].values())} for setting in inherited],
        }
        Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
