"""How soon does each strategy find what random search finds in the end? Replayed on the table of `landscape`.

Each strategy searches the table's space with SEEDS seeds and the same EVALUATIONS. Reported: the median of the best
score at the end and of its rank in the table, and the median of the evaluations until the score is reached that random
search with the same seed has at its end (EVALUATIONS + 1 where it never is). A few minutes on one thread:

    python -m tests.benchmarks.strategies
"""

import json
import random
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.local_search import LocalSearch
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.predictor import Predictor
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Strategy

from tests.benchmarks.landscape import SPACE, scores

SEEDS, EVALUATIONS = 10, 60
POPULATION, PARENTS, CHILDREN = 12, 3, 2

_op_nas = partial(OpNas, population_size=POPULATION, num_parents=PARENTS, num_children=CHILDREN)
_predictor = partial(Predictor, num_parents=PARENTS)
_SHARP: dict[str, Any] = {"alpha": 0.3, "credit": "occurrences", "temperature": 0.1}
STRATEGIES: dict[str, Callable[..., Strategy]] = {
    "random": RandomSearch,
    "evolution": partial(
        RegularizedEvolution, population_size=POPULATION, sample_size=4, generation_size=PARENTS * CHILDREN
    ),
    "local-search": partial(LocalSearch, population_size=POPULATION, generation_size=PARENTS * CHILDREN),
    "uniform": partial(_op_nas, alpha=None),
    "uniform, one level": partial(_op_nas, alpha=None, levels="one"),
    "op-nas, the paper's form": _op_nas,
    "op-nas, range": partial(_op_nas, scale="range"),
    "op-nas, occurrences, temperature 0.1": partial(_op_nas, **_SHARP),
    "op-nas, one level": partial(_op_nas, levels="one"),
    "op-nas, one level, occurrences, temperature 0.1": partial(_op_nas, levels="one", **_SHARP),
    "predictor": partial(_predictor, population_size=POPULATION, generation_size=PARENTS * CHILDREN),
    "evolution, 8 random, then 4 at a time": partial(
        RegularizedEvolution, population_size=8, sample_size=4, generation_size=4
    ),
    "local-search, 8 random, then 4 at a time": partial(LocalSearch, population_size=8, generation_size=4),
    "op-nas, 8 random, then 4 at a time": partial(OpNas, population_size=8, num_parents=2, num_children=2),
    "predictor, 8 random, then 4 at a time": partial(_predictor, population_size=8, generation_size=4),
}


def curve(make: Callable[..., Strategy], seed: int, table: dict[str, float | None], evaluations: int) -> list[float]:
    """The best score after each evaluation; a failure is worth less than any score.

    Formulas that do not mix tokens, beside a convolution that does, are in the space but not in the table.
    """
    strategy = make(SPACE, random.Random(seed), reject=lambda c: None if c.identity in table else "not in the table")
    best: list[float] = []
    while len(best) < evaluations and (asked := strategy.ask()):
        results = [Evaluation(candidate, table[candidate.identity]) for candidate in asked]
        strategy.tell(results)
        for result in results:
            best.append(max([result.rank_key, *best[-1:]]))
    return best[:evaluations]


def compare(measure: str) -> dict[str, Any]:
    """All strategies on one table."""
    table = scores(measure)
    curves = {
        name: [curve(make, seed, table, EVALUATIONS) for seed in range(SEEDS)] for name, make in STRATEGIES.items()
    }
    ordered = sorted((score for score in table.values() if score is not None), reverse=True)
    results: dict[str, Any] = {}
    for name, own in curves.items():
        reached = [
            next((n for n, score in enumerate(mine, 1) if score >= goal[-1]), EVALUATIONS + 1)
            for mine, goal in zip(own, curves["random"], strict=True)
        ]
        results[name] = {
            "best_median": round(statistics.median(each[-1] for each in own), 4),
            "rank_of_best_median": statistics.median(ordered.index(each[-1]) + 1 for each in own),
            "evaluations_to_random_median": statistics.median(reached),
            "evaluations_to_random": reached,
            "never_reached": sum(each > EVALUATIONS for each in reached),
            "mean_best_after": {n: round(statistics.mean(each[n - 1] for each in own), 4) for n in (12, 20, 30, 60)},
        }
        print(measure, name, results[name], flush=True)
    return results


def main() -> None:
    facts = {
        "what": f"{SEEDS} seeds, {EVALUATIONS} evaluations, on landscape.json, by accuracy and by loss",
        "results": {measure: compare(measure) for measure in ("accuracy", "loss")},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
