"""Do proxies that need no training rank candidates as trained scores do, and what do they cost?

The trained scores are those of other benchmarks: 24 random backbones of the quickstart's space, each trained from
scratch (`biws_ranking.json`); 24 of the 388 backbones of a small space, on inherited weights (`landscape.json`); 24 of
the sub-models of a super-net that strategies have met (`sizes.json`), for each budget of latency. Each proxy looks at
the same candidates untrained. Kendall's tau with a bootstrap interval over the candidates, Spearman's rho, and the CPU
seconds of a candidate. About two minutes on one thread:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.zero_cost runs/zero-cost
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.proxies.table import SCREENS
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.screening import RankAgreement, Untrained
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes

from autobert_zero_hf import AutoBertZeroConfig
from tests.benchmarks import landscape
from tests.benchmarks.biws_ranking import tau
from tests.benchmarks.experiment import Experiment
from tests.benchmarks.paired import machine

SCREENED = 32
MOST = 24
Scored = list[tuple[Candidate, float]]


def read(name: str) -> Any:
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text())


def tables(quickstart: Experiment) -> Iterator[tuple[str, AutoBertZeroConfig, Scored]]:
    """What was trained, in which sizes, and how good it was."""
    usual = quickstart.recipe.make_config(quickstart.recipe.data.vocab_size)
    scratch = [
        (Candidate(tuple(row["name"].partition(": ")[2].split(" | "))), row["score"])
        for row in read("biws_ranking")["scratch"]
        if row["score"] is not None
    ]
    yield "24 random backbones, each from scratch", usual, scratch
    small = Experiment.make_recipe(**landscape.OPTIONS)
    known = landscape.scores("accuracy")
    whole = [(each, score) for each in landscape.backbones() if (score := known[each.identity]) is not None]
    yield "a small space of layers, inherited", small.make_config(small.data.vocab_size), whole
    sizes = read("sizes")
    recipe = Recipe.from_dict(sizes["recipe"])
    largest = recipe.make_config(recipe.data.vocab_size)
    for budget, rows in sizes["scored"].items():
        found = [(Sizes(*row["sizes"]), row["score"]) for row in rows]
        layers = tuple(recipe.sub_models.layers)
        scored = [(Candidate(layers[: each.num_hidden_layers], sizes=each), score) for each, score in found]
        yield f"sub-models of {budget}", largest, scored


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    quickstart = Experiment(folder)
    input_ids = quickstart.train.rows[:SCREENED]["input_ids"]
    results: dict[str, Any] = {}
    for name, like, whole in tables(quickstart):
        scored = random.Random(0).sample(whole, min(MOST, len(whole)))
        results[name] = {"candidates": len(scored)}
        for proxy in SCREENS:
            worth = Untrained(SCREENS[proxy].make(input_ids), like, seed=0)
            start = time.process_time()
            found = [worth(candidate) for candidate, _ in scored]
            seconds = (time.process_time() - start) / len(scored)
            trained = [score for _, score in scored]
            results[name][proxy] = {
                **tau([{"score": value} for value in found], [{"score": score} for score in trained]),
                "spearman": round(RankAgreement.of(found, trained).spearman, 3),
                "seconds": round(seconds, 3),
            }
            print(f"{name}, {proxy}: {results[name][proxy]}", flush=True)
    facts = {
        "what": "seconds are CPU seconds of a candidate, the making of its untrained model counted in",
        "machine": machine(),
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
