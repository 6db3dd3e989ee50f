"""What share of a search's time is neither training nor scoring?

At 60 candidates: the quickstart's candidates, really trained and scored on an untrained super-net, and the loop's whole
time beside theirs. At 5,000: the same loop, journal and strategy with simulated scores; the seconds that a candidate
takes outside are compared with those that a real one took inside. One process. About 5 minutes on one thread, and 3
more where Optuna is measured too:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.overhead runs/overhead [optuna]
"""

import hashlib
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.runtime.dispatch import Dispatcher
from autobert_zero_hf.search.runtime.journal import Journal
from autobert_zero_hf.search.runtime.loop import SearchLoop
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.strategy.evaluation import Evaluation

from tests.benchmarks.experiment import Experiment
from tests.benchmarks.paired import keep

FEW, MANY = 60, 5_000


def simulated(candidate: Candidate) -> Evaluation:
    """A score that follows from the identity."""
    digest = hashlib.sha256(candidate.identity.encode()).digest()
    return Evaluation(candidate, int.from_bytes(digest[:4], "big") / 2**32, 0.001)


def run(recipe: Recipe, accelerator: Accelerator, evaluate: Any) -> tuple[float, float, int]:
    """Seconds of the loop, those of the candidates in it, and how many there were."""
    inside = 0.0

    def timed(candidate: Candidate) -> Evaluation:
        nonlocal inside
        start = time.perf_counter()
        try:
            return evaluate(candidate)
        finally:
            inside += time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        strategy = recipe.make_strategy(random.Random("0/strategy"), recipe.cost_budget)
        journal = Journal.open(Path(folder) / "journal.jsonl", recipe.to_dict())
        loop = SearchLoop(
            strategy,
            timed,
            lambda candidate: recipe.cost_budget.cost(candidate.layers).operations,
            recipe.budget,
            Dispatcher(accelerator),
            journal,
            lambda done, note="": None,
        )
        start = time.perf_counter()
        loop.run()
        seconds = time.perf_counter() - start
        journal.close()
    return seconds, inside, len(loop.done)


def main() -> None:
    experiment = Experiment(Path(sys.argv[1]), candidates=FEW, supernet_steps=1)
    seconds, inside, count = run(experiment.recipe, experiment.accelerator, experiment.estimator().evaluate)
    each = inside / count
    results: dict[str, Any] = {
        f"{FEW} candidates": {
            "seconds of a candidate": round(each, 3),
            "milliseconds outside": round(1e3 * (seconds - inside) / count, 2),
            "share": round((seconds - inside) / seconds, 5),
        }
    }
    print(results)
    for strategy in ("op-nas", "evolution", "random", *sys.argv[2:]):
        for num_layers in (4, 12):
            recipe = Experiment.make_recipe(
                strategy=strategy, num_layers=num_layers, candidates=MANY, patience=MANY, hours=1e6
            )
            seconds, inside, count = run(recipe, experiment.accelerator, simulated)
            outside = (seconds - inside) / count
            name = f"{count} candidates of {num_layers} layers, simulated, {strategy}"
            results[name] = {
                "milliseconds outside": round(1e3 * outside, 2),
                "share": round(outside / (outside + each), 5),
            }
            print(name, results[name], flush=True)
    keep(__file__, "cpu", "time of a search outside training and scoring", results)


if __name__ == "__main__":
    main()
