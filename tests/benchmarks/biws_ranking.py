"""Does a score on inherited weights rank backbones as training each from scratch does?

24 random backbones of the quickstart's space: each is scored by the quickstart's proxy (inherited, 8 steps, 256
held-out rows), and trained from scratch and scored on all held-out rows. Kendall's tau with a bootstrap interval over
the backbones, and what a backbone costs either way, the super-net's training counted in. It resumes:

    python -m tests.benchmarks.biws_ranking runs/biws
"""

import json
import platform
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autobert_zero_hf.search.space.candidate import Candidate
from scipy.stats import kendalltau

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.masked_lm import evaluate_masked_lm
from autobert_zero_hf.training.masked_lm_training import train_masked_lm
from tests.benchmarks.experiment import Experiment, fill

BACKBONES = 24
SCRATCH_STEPS = 1600
LEARNING_RATE = 1e-3
BOOTSTRAPS = 10_000


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = Experiment(folder)
    rng = random.Random(0)
    sampled = [experiment.recipe.search_space.sample(rng).layers for _ in range(BACKBONES)]
    backbones = {f"{number}: {' | '.join(layers)}": layers for number, layers in enumerate(sampled)}
    held_out = experiment.held_out.batch(list(range(len(experiment.held_out))), seed=0)
    start = time.monotonic()
    _ = experiment.net
    fill(folder / "supernet.jsonl", ["supernet"], lambda _: {"seconds": round(time.monotonic() - start, 1)})

    def inherited(name: str) -> dict[str, Any]:
        start = time.monotonic()
        evaluation = experiment.proxy.evaluate(Candidate(backbones[name]))
        facts = {
            "score": evaluation.score,
            "standard_error": evaluation.standard_error,
            "failure": evaluation.failure and evaluation.detail,
        }
        return {**facts, "seconds": round(time.monotonic() - start, 2)}

    def scratch(name: str) -> dict[str, Any]:
        start = time.monotonic()
        torch.manual_seed(0)
        config = experiment.net.extract(backbones[name]).config
        model = AutoBertZeroForMaskedLM(config)
        try:
            train_masked_lm(
                model, experiment.train, SCRATCH_STEPS, 8, LEARNING_RATE, 0, experiment.accelerator.autocast
            )
            score = evaluate_masked_lm(model, held_out)
        except FloatingPointError as error:
            return {"score": None, "failure": str(error), "seconds": round(time.monotonic() - start, 2)}
        facts = {"score": score.value, "standard_error": score.standard_error, "failure": None}
        return {**facts, "seconds": round(time.monotonic() - start, 2)}

    cheap = fill(folder / "inherited.jsonl", backbones, inherited)
    dear = fill(folder / "scratch.jsonl", backbones, scratch)
    supernet = json.loads((folder / "supernet.jsonl").read_text())["seconds"]
    results = summary([cheap[name] for name in backbones], [dear[name] for name in backbones], supernet)
    facts = {
        "what": f"quickstart recipe, seed 0; from scratch {SCRATCH_STEPS} steps of 8 rows at {LEARNING_RATE}",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        **results,
        "backbones": [
            {"layers": layers, "inherited": cheap[name], "scratch": dear[name]} for name, layers in backbones.items()
        ],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    print({name: value for name, value in facts.items() if name != "backbones"})


def summary(cheap: list[dict[str, Any]], dear: list[dict[str, Any]], supernet: float) -> dict[str, Any]:
    """Tau, where a failure ranks last, its interval, and the costs."""
    pairs = np.array([[row["score"] if row["score"] is not None else -1.0 for row in rows] for rows in (cheap, dear)])
    rng = np.random.default_rng(0)
    draws = rng.integers(0, pairs.shape[1], (BOOTSTRAPS, pairs.shape[1]))
    taus = [kendalltau(*pairs[:, draw]).statistic for draw in draws]
    one, other = (sum(row["seconds"] for row in rows) / len(rows) for rows in (cheap, dear))
    return {
        "tau": round(float(kendalltau(*pairs).statistic), 3),
        "tau_95": [round(float(x), 3) for x in np.nanpercentile(taus, [2.5, 97.5])],
        "failures": [sum(row["score"] is None for row in rows) for rows in (cheap, dear)],
        "seconds_inherited": round(one, 2),
        "seconds_scratch": round(other, 2),
        "seconds_supernet": supernet,
        "cost_ratio_24_with_supernet": round(len(dear) * other / (len(cheap) * one + supernet), 2),
        "cost_ratio_760_with_supernet": round(760 * other / (760 * one + supernet), 2),
    }


if __name__ == "__main__":
    main()
