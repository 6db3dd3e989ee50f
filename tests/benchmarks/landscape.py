"""A small space, all of whose backbones are scored once, so that searches can be replayed on it without training.

Three layers, each an attention, conv(3) or conv(31). All attentions of a backbone compute the same formula: one of the
20 functions that have at most 4 of the operations matmul, softmax, transpose and neg over q, softmax(q·qᵀ)·q among
them. That makes 388 backbones. Each inherits from one super-net, is trained 24 steps more, and scored on the same 400
held-out rows, by accuracy and by loss. It resumes; about 25 minutes on one thread:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.landscape runs/landscape
"""

import dataclasses
import itertools
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from autobert_zero_hf.search.proxies.proxy import Score
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore, Measure, evaluate_masked_lm
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

OPTIONS: dict[str, Any] = {
    "num_layers": 3,
    "kernel_sizes": [3, 31],
    "operations": ["matmul", "softmax", "transpose", "neg"],
    "inputs": ["q"],
    "max_operations": 4,
    "shared_attention": True,
    "random_attention": 0.0,
    "candidate_steps": 24,
    "evaluation_rows": 400,
}
SPACE: SearchSpace = Experiment.make_recipe(**OPTIONS).search_space
FORMULAS = 20
FILE = Path(__file__).with_suffix(".json")


def backbones() -> list[Candidate]:
    """Every backbone of the space, each function once."""
    rng = random.Random(0)
    formulas: dict[str, str] = {}
    while len(formulas) < FORMULAS:
        formula = SPACE.sample_attention(rng)
        formulas.setdefault(Candidate((formula,)).identity, formula)
    every: dict[str, Candidate] = {}
    for formula in formulas.values():
        choices = (formula, *(f"conv({size})" for size in SPACE.kernel_sizes))
        for layers in itertools.product(choices, repeat=SPACE.num_layers):
            every.setdefault(Candidate(layers).identity, Candidate(layers))
    return list(every.values())


def scores(measure: str) -> dict[str, float | None]:
    """The table: the accuracy, or minus the loss, of each backbone by its identity; None for a failure."""
    return {row["identity"]: row[measure] for row in json.loads(FILE.read_text())["backbones"]}


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = Experiment(folder, **OPTIONS)
    measured: dict[str, MaskedScore] = {}
    held_out = experiment.held_out.batch(list(range(OPTIONS["evaluation_rows"])), seed=0)

    def proxy(model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        for measure in get_args(Measure):
            autocast = experiment.accelerator.autocast
            measured[measure] = evaluate_masked_lm(model, held_out, measure=measure, autocast=autocast)
        return Score(measured["accuracy"].value, measured["accuracy"].standard_error)

    estimator = dataclasses.replace(experiment.estimator(), proxy=proxy)
    named = {" | ".join(candidate.layers): candidate for candidate in backbones()}

    def score(name: str) -> dict[str, Any]:
        failure = estimator.evaluate(named[name]).failure
        known = {"identity": named[name].identity, "failure": failure}
        if failure:
            return {**known, "accuracy": None, "loss": None}
        accuracy, loss = measured["accuracy"], measured["loss"]
        return {
            **known,
            "accuracy": round(accuracy.value, 6),
            "loss": round(-loss.value, 6),
            "standard_errors": [round(accuracy.standard_error, 6), round(loss.standard_error, 6)],
        }

    rows = fill(folder / "scores.jsonl", named, score)
    facts = {
        "what": "held-out masked-LM accuracy, and minus the loss, by inheritance; one super-net, seed 0",
        "options": OPTIONS,
        "machine": machine(),
        "backbones": list(rows.values()),
    }
    FILE.write_text(json.dumps(facts, indent=0) + "\n")


if __name__ == "__main__":
    main()
