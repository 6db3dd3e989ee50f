"""Do proxies that need no training rank candidates as a short training does, and what do they cost?

Random candidates of two spaces, each trained from scratch from the same seed on the same batches (the quickstart's
text, smaller models and rows), and scored by the loss on the same masked words of held-out rows. Each proxy's scores of
the same candidates, untrained; Kendall's tau with a bootstrap interval over the candidates, Spearman's rho, and the CPU
seconds of a candidate. It resumes; a few minutes on one thread:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.zero_cost runs/zero-cost
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import torch
from autobert_zero_hf.search.estimation.zero_cost import NAMES, RankAgreement, Untrained, make_zero_cost_proxy
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.space import Space
from autobert_zero_hf.search.space.sub_models import SubModels

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.training.masked_lm import evaluate_masked_lm
from autobert_zero_hf.training.masked_lm_training import train_masked_lm
from tests.benchmarks.biws_ranking import tau, timed
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

CANDIDATES = 16
STEPS, ROWS, LEARNING_RATE = 80, 8, 2e-3
OPTIONS: dict[str, Any] = {
    "vocab_size": 2000,
    "sequence_length": 48,
    "num_layers": 3,
    "hidden_size": 96,
    "num_attention_heads": 3,
    "intermediate_size": 192,
}
HELD_OUT, SCREENED = 200, 32


def spaces(experiment: Experiment) -> dict[str, Space]:
    """Sizes on BERT's layers, and layers in one size."""
    like = experiment.recipe.make_config(OPTIONS["vocab_size"])
    sizes = SizesSpace.within(Sizes.of(like), "heads", hidden_step=8, intermediate_step=16)
    return {"sizes": SubModels(tuple(like.layers), sizes), "layers": experiment.recipe.search_space}


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = Experiment(folder, **OPTIONS)
    like = experiment.config(["conv(3)"] * OPTIONS["num_layers"])
    held_out = experiment.held_out.batch(list(range(HELD_OUT)), seed=0)
    input_ids = experiment.train.rows[:SCREENED]["input_ids"]
    results = {}
    for space_name, space in spaces(experiment).items():
        rng = random.Random(0)
        drawn = [space.sample(rng) for _ in range(CANDIDATES)]
        named = {f"{number}: {each.sizes or ' | '.join(each.layers)}": each for number, each in enumerate(drawn)}

        def config(candidate: Candidate) -> AutoBertZeroConfig:
            layers = candidate.layers
            return experiment.config(layers) if candidate.sizes is None else candidate.sizes.config(like, layers)

        @timed
        def train(name: str, named: dict[str, Candidate] = named) -> dict[str, Any]:
            torch.manual_seed(0)
            model = AutoBertZeroForMaskedLM(config(named[name]))
            autocast = experiment.accelerator.autocast
            try:
                train_masked_lm(model, experiment.train, STEPS, ROWS, LEARNING_RATE, 0, autocast)
                score = evaluate_masked_lm(model, held_out, measure="loss")
            except FloatingPointError as error:
                return {"score": None, "failure": str(error)}
            return {"score": -score.value, "standard_error": score.standard_error}

        trained = fill(folder / f"{space_name}.jsonl", named, train)
        scored = [name for name, row in trained.items() if row["score"] is not None]
        losses = [trained[name] for name in scored]
        found = {}
        for proxy in NAMES:
            worth = Untrained(make_zero_cost_proxy(proxy, input_ids), like, seed=0)

            @timed
            def look(name: str, worth: Untrained = worth, named: dict[str, Candidate] = named) -> dict[str, Any]:
                return {"score": worth(named[name])}

            rows = fill(folder / f"{space_name}-{proxy}.jsonl", scored, look)
            agreement = RankAgreement.of([rows[name]["score"] for name in scored], [row["score"] for row in losses])
            found[proxy] = {
                **tau(list(rows.values()), losses),
                "spearman": round(agreement.spearman, 3),
                "seconds": round(sum(row["seconds"] for row in rows.values()) / len(rows), 3),
            }
            print(f"{space_name}, {proxy}: {agreement}; {found[proxy]}", flush=True)
        results[space_name] = {
            "trained": len(scored),
            "failed": len(named) - len(scored),
            "seconds_of_a_training": round(sum(row["seconds"] for row in trained.values()) / len(trained), 2),
            "loss": [round(-row["score"], 3) for row in sorted(losses, key=lambda row: -row["score"])],
            "proxies": found,
        }
    facts = {
        "what": f"{STEPS} steps of {ROWS} rows from scratch at {LEARNING_RATE}, scored by minus the held-out loss; "
        "seconds are CPU seconds of a candidate, the making of its untrained model counted in",
        "options": OPTIONS,
        "machine": machine(),
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
