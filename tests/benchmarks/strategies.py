"""How soon does each strategy find what random search finds in the end? Replayed on the table of `landscape`.

Each strategy searches the table's backbones with SEEDS seeds and the same EVALUATIONS; a mutant that the table does
not hold is drawn again. Reported: the median of the best score at the end, and of the evaluations until the score is
reached that random search with the same seed has at its end (EVALUATIONS + 1 where it never is). About 5 minutes on one
thread:

    python -m tests.benchmarks.strategies
"""

import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sampling import Weights
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Reject, Strategy

from tests.benchmarks.landscape import FILE, SPACE

SEEDS, EVALUATIONS = 10, 100


class TableSpace(SearchSpace):
    """The space of the table: its attentions are the table's."""

    formulas: tuple[str, ...] = ()

    def sample_attention(self, rng: random.Random, weights: Weights | None = None) -> str:
        return rng.choice(self.formulas) if self.formulas else super().sample_attention(rng, weights)


STRATEGIES: dict[str, Callable[[SearchSpace, random.Random, Reject], Strategy]] = {
    "random": lambda space, rng, reject: RandomSearch(space, rng, 10, reject),
    "evolution": lambda space, rng, reject: RegularizedEvolution(space, rng, 20, 10, 10, reject),
    "uniform": lambda space, rng, reject: OpNas(space, rng, 20, 5, 2, None, reject=reject),
    "op-nas, the paper's form, ranks": lambda space, rng, reject: OpNas(space, rng, 20, 5, 2, 1.0, "ranks", reject),
    "op-nas, the paper's form, range": lambda space, rng, reject: OpNas(space, rng, 20, 5, 2, 1.0, "range", reject),
    "op-nas, occurrences, temperature 0.03": lambda space, rng, reject: OpNas(
        space, rng, 20, 5, 2, 0.3, "ranks", reject, "occurrences", 0.03
    ),
}


def curve(name: str, seed: int, scores: dict[str, float | None], space: SearchSpace) -> list[float]:
    """The best score after each evaluation."""
    strategy = STRATEGIES[name](
        space, random.Random(seed), lambda candidate: None if candidate.identity in scores else "not in the table"
    )
    best: list[float] = []
    while len(best) < EVALUATIONS and (asked := strategy.ask()):
        results = [Evaluation(candidate, scores[candidate.identity]) for candidate in asked]
        strategy.tell(results)
        for result in results:
            best.append(max(result.rank_key, *best[-1:]) if best else result.rank_key)
    return best[:EVALUATIONS]


def main() -> None:
    rows = json.loads(FILE.read_text())["backbones"]
    scores = {row["identity"]: row["score"] for row in rows}
    layers = [Candidate(tuple(row["name"].split(" | "))) for row in rows]
    space = TableSpace(**{name: getattr(SPACE, name) for name in SPACE.__dataclass_fields__})
    formulas = dict.fromkeys(text for each in layers for text in each.layers if not text.startswith("conv"))
    object.__setattr__(space, "formulas", tuple(formulas))
    curves = {name: [curve(name, seed, scores, space) for seed in range(SEEDS)] for name in STRATEGIES}
    ordered = sorted((score for score in scores.values() if score is not None), reverse=True)
    results: dict[str, Any] = {}
    for name, own in curves.items():
        reached = [
            next((n for n, score in enumerate(mine, 1) if score >= goal[-1]), EVALUATIONS + 1)
            for mine, goal in zip(own, curves["random"], strict=True)
        ]
        results[name] = {
            "evaluations": [min(map(len, own)), max(map(len, own))],
            "best_median": round(statistics.median(each[-1] for each in own), 4),
            "rank_of_best_median": statistics.median(ordered.index(each[-1]) + 1 for each in own),
            "evaluations_to_random_median": statistics.median(reached),
            "never_reached": sum(each > EVALUATIONS for each in reached),
        }
        print(name, results[name])
    facts = {
        "what": f"{SEEDS} seeds, {EVALUATIONS} evaluations of the {len(scores)} backbones of landscape.json",
        "random_in_the_end_median": statistics.median(each[-1] for each in curves["random"]),
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
