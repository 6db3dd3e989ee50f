"""A small space in which every backbone is scored once, so that searches can be replayed on it without training.

Three layers, each an attention or a convolution with kernel 7 or 31; all attentions of a backbone compute the same of
FORMULAS formulas, which mutations reach from standard attention. Each backbone is scored by the quickstart's proxy
(inherited from one super-net, 8 steps, 256 held-out rows). It resumes; about 15 minutes on one thread:

    python -m tests.benchmarks.landscape runs/landscape
"""

import itertools
import json
import platform
import random
import sys
from pathlib import Path
from typing import Any

import torch
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import mutate_graph
from autobert_zero_hf.search.space.search_space import SearchSpace

from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.benchmarks.experiment import Experiment, fill

FORMULAS = 24
SPACE = SearchSpace(3, (7, 31), max_operations=8, shared_attention=True)
FILE = Path(__file__).with_suffix(".json")


def formulas() -> list[str]:
    """Standard attention, and what mutations make of it and of one another; all mix tokens."""
    rng = random.Random(0)
    one = SearchSpace(1, SPACE.kernel_sizes, max_operations=SPACE.max_operations)
    found = {Candidate((BERT_ATTENTION,)).identity: Candidate((BERT_ATTENTION,))}
    while len(found) < FORMULAS:
        mutant = mutate_graph(rng.choice(list(found.values())), one, rng)
        if one.objection(mutant) is None:
            found.setdefault(mutant.identity, Candidate(mutant.layers))
    return [candidate.layers[0] for candidate in found.values()]


def backbones() -> list[Candidate]:
    """Every backbone of the space with one of the formulas, each function once."""
    every: dict[str, Candidate] = {}
    for formula in formulas():
        for layers in itertools.product((formula, *(f"conv({size})" for size in SPACE.kernel_sizes)), repeat=3):
            candidate = Candidate(layers)
            every.setdefault(candidate.identity, candidate)
    return list(every.values())


def scores() -> dict[str, float | None]:
    """The table: the score of each backbone by its identity; None for a failure."""
    table = json.loads(FILE.read_text())
    return {row["identity"]: row["score"] for row in table["backbones"]}


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = Experiment(folder, num_layers=3, kernel_sizes=list(SPACE.kernel_sizes))
    named = {" | ".join(candidate.layers): candidate for candidate in backbones()}

    def score(name: str) -> dict[str, Any]:
        evaluation = experiment.estimator().evaluate(named[name])
        return {
            "identity": named[name].identity,
            "score": None if evaluation.score is None else round(evaluation.score, 6),
            "standard_error": None if evaluation.standard_error is None else round(evaluation.standard_error, 6),
            "failure": evaluation.failure,
        }

    rows = fill(folder / "scores.jsonl", named, score)
    facts = {
        "what": "held-out masked-LM accuracy after the quickstart's proxy; one super-net, seed 0",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "backbones": list(rows.values()),
    }
    FILE.write_text(json.dumps(facts, indent=0) + "\n")


if __name__ == "__main__":
    main()
