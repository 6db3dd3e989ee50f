"""Does what is chosen in float32 stay the best in int8?

24 random backbones of the quickstart's space, each trained from scratch for 400 steps of 8 rows: latency and accuracy
on held-out masked words in float32 by PyTorch, and as ONNX Runtime and OpenVINO serve them in float32 and in int8;
Kendall's tau between PyTorch's float32 and each, and between each int8 and the same runtime's float32, and what was
chosen there beside the best of these. It resumes:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.serving_ranks runs/serving
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autobert_zero_hf.search.latency.measuring import measure
from autobert_zero_hf.search.recipe.options import LatencyOptions
from scipy.stats import kendalltau

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.serving import RUNTIMES
from autobert_zero_hf.serving.runtimes import have_computed, texts
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.biws_ranking import backbones
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

STEPS, LEARNING_RATE, CALIBRATION = 400, 1e-3, 100

Row = dict[str, Any]


def main(folder: Path) -> None:
    experiment, layers = Experiment(folder), backbones()
    held_out = experiment.held_out.batch(list(range(len(experiment.held_out))), seed=0)
    rows = experiment.train.rows[:CALIBRATION]["input_ids"]
    calibration = [texts(torch.as_tensor(row)[None]) for row in rows]

    def compute(name: str) -> Row:
        torch.manual_seed(0)
        config = experiment.config(layers[name])
        model = AutoBertZeroForMaskedLM(config)
        train_masked_lm(model, experiment.train, STEPS, 8, LEARNING_RATE, 0, experiment.accelerator.autocast)
        weights, found = model.state_dict(), Row()
        for runtime in RUNTIMES:
            served = AutoBertZeroForMaskedLM(config).eval()
            served.load_state_dict(weights)
            (latency,) = measure([served.base_model], LatencyOptions(latency_runtime=runtime))
            if runtime != "torch":
                have_computed(served, runtime, texts(held_out.input_ids[:2]), calibration, 1, "cpu")
            score = evaluate_masked_lm(served, held_out)
            found[runtime] = {"ms": latency.median, "accuracy": score.value, "standard_error": score.standard_error}
            print(runtime, found[runtime], flush=True)
        return found

    found = list(fill(folder / "served.jsonl", layers, compute).values())
    facts = {
        "what": f"quickstart recipe, {len(found)} random backbones, {STEPS} steps of 8 rows from scratch",
        "machine": machine(),
        "against": {runtime: compared(found, runtime, "torch") for runtime in RUNTIMES if runtime != "torch"},
        "int8 against its own float32": {
            runtime: compared(found, runtime, runtime.removesuffix("-int8"))
            for runtime in RUNTIMES
            if RUNTIMES[runtime].int8
        },
        "backbones": found,
    }
    print(json.dumps({name: facts[name] for name in facts if "against" in name}, indent=1))
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


def compared(rows: list[Row], runtime: str, other: str) -> Row:
    """How a runtime ranks what another ranks in float32."""
    facts = Row()
    for figure, sign in (("ms", -1), ("accuracy", 1)):
        there, here = (sign * np.array([row[each][figure] for row in rows]) for each in (other, runtime))
        facts[figure] = {
            "tau": round(float(kendalltau(there, here).statistic), 3),
            "best of these": round(float(abs(here.max())), 4),
            "what was chosen": round(float(abs(here[there.argmax()])), 4),
        }
    lost = [row[other]["accuracy"] - row[runtime]["accuracy"] for row in rows]
    return {**facts, "accuracy lost": {"mean": round(float(np.mean(lost)), 4), "most": round(float(np.max(lost)), 4)}}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
