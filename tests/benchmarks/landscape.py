"""A small space, all of whose backbones are scored once, so that searches can be replayed on it without training.

Two layers, each an attention or a convolution; the formulas, one for both layers, are all that have at most 4 of the
operations matmul, softmax, transpose and softsign over q and v: 164 functions, standard attention without its scale
among them, and 493 backbones. Each inherits from one super-net, is trained 32 steps more, and scored on all held-out
rows. Most formulas are of no use, as in the whole space. It resumes; about half an hour on one thread:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.landscape runs/landscape
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace

from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

OPTIONS: dict[str, Any] = {
    "num_layers": 2,
    "kernel_sizes": [7],
    "operations": ["matmul", "softmax", "transpose", "softsign"],
    "inputs": ["q", "v"],
    "max_operations": 4,
    "shared_attention": True,
    "random_attention": 0.0,
    "candidate_steps": 32,
    "evaluation_rows": 10_000,
}
SPACE: SearchSpace = Experiment.make_recipe(**OPTIONS).search_space
FORMULAS = 164
FILE = Path(__file__).with_suffix(".json")


def backbones() -> list[Candidate]:
    """Every backbone of the space, each function once."""
    rng = random.Random(0)
    formulas: dict[str, str] = {}
    while len(formulas) < FORMULAS:
        formula = SPACE.sample_attention(rng)
        formulas.setdefault(Candidate((formula,)).identity, formula)
    convolution = SPACE.sample_convolution(rng)
    layouts = [(f, other) for f in formulas.values() for other in (f, convolution)]
    layouts += [(convolution, other) for other in (*formulas.values(), convolution)]
    return [Candidate(layers) for layers in layouts]


def scores() -> dict[str, float | None]:
    """The table: the score of each backbone by its identity; None for a failure."""
    table = json.loads(FILE.read_text())
    return {row["identity"]: row["score"] for row in table["backbones"]}


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = Experiment(folder, **OPTIONS)
    estimator = experiment.estimator()
    named = {" | ".join(candidate.layers): candidate for candidate in backbones()}

    def score(name: str) -> dict[str, Any]:
        evaluation = estimator.evaluate(named[name])
        return {
            "identity": named[name].identity,
            "score": None if evaluation.score is None else round(evaluation.score, 6),
            "standard_error": None if evaluation.standard_error is None else round(evaluation.standard_error, 6),
            "failure": evaluation.failure,
        }

    rows = fill(folder / "scores.jsonl", named, score)
    facts = {
        "what": "held-out masked-LM accuracy by inheritance; one super-net, seed 0",
        "options": OPTIONS,
        "machine": machine(),
        "backbones": list(rows.values()),
    }
    FILE.write_text(json.dumps(facts, indent=0) + "\n")


if __name__ == "__main__":
    main()
