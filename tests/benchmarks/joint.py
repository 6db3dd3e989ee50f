"""Is a search over layers and sizes together worth more than one over either alone?

The quickstart's text, and one super-net of up to 4 layers of width 128 that holds all candidates. Under the parameters
and multiplications of a BERT of 3 layers of width 96, each of these evaluates as many candidates, by the same proxy:

- "joint": OP-NAS over layers and sizes;
- "joint, one level": the same, with one of layout, formulas and sizes changed from parent to child;
- "layers alone": OP-NAS over layers, in the sizes of that BERT;
- "sizes alone": evolved sizes of BERT's layers.

Their winners, and that BERT, are trained on for the same steps from the super-net, and scored on held-out rows that no
candidate was chosen by. It resumes; a row is a strategy with a seed, and rows may be computed side by side:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.joint runs/joint
    OMP_NUM_THREADS=1 python -m tests.benchmarks.joint runs/joint --small   (some minutes, to see that it works)
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.run.preparation import final_rows
from autobert_zero_hf.search.space.budget import CostBudget
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace, Steps
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.strategy.evolved_sizes import EvolvedSizes
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.strategy import Strategy

from autobert_zero_hf import architecture
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.experiment import Experiment, fill
from tests.benchmarks.paired import machine

FIXED = Sizes(3, 96, 384, 3, 32)
"""Of the BERT that sets the budget, and of all candidates where layers alone are searched."""
OPTIONS: dict[str, Any] = {"search_sizes": "heads", "num_attention_heads": 4, "mixed_precision": "no"}
SEEDS = range(3)
EVALUATIONS = 48
SMALL: dict[str, Any] = {"supernet_steps": 20, "final_steps": 5, "candidate_steps": 1, "evaluation_rows": 32}

Row = dict[str, Any]


def only(sizes: Sizes) -> SizesSpace:
    """A space of these sizes."""
    return SizesSpace(**{f.name: Steps(value, value) for f in fields(Sizes) for value in [getattr(sizes, f.name)]})


def strategies(experiment: Experiment, budget: CostBudget) -> dict[str, Callable[[random.Random], Strategy]]:
    """By name; each of the same number of random candidates at first, and children in a generation."""
    space, sizes = experiment.recipe.search_space, experiment.recipe.searched_sizes
    assert sizes is not None
    fixed = replace(space, num_layers=FIXED.num_hidden_layers, sizes=only(FIXED))
    bert = SubModels(tuple(architecture("bert", sizes.largest.num_hidden_layers)), sizes)
    return {
        "joint": lambda rng: OpNas(space, rng, 16, 4, 2, reject=budget),
        "joint, one level": lambda rng: OpNas(space, rng, 16, 4, 2, reject=budget, levels="one"),
        "layers alone": lambda rng: OpNas(fixed, rng, 16, 4, 2, reject=budget),
        "sizes alone": lambda rng: EvolvedSizes(bert, rng, 16, 8, budget),
    }


def find(strategy: Strategy, evaluate: Callable[[Candidate], Evaluation], number: int) -> list[Evaluation]:
    """So many evaluations, or as many as there are."""
    done: list[Evaluation] = []
    while len(done) < number and (asked := strategy.ask()[: number - len(done)]):
        told = [evaluate(candidate) for candidate in asked]
        strategy.tell(told)
        done += told
    return done


def main() -> None:
    """Compute what is missing, and print the table."""
    folder, small = Path(sys.argv[1]), "--small" in sys.argv
    number, seeds = (10, range(1)) if small else (EVALUATIONS, SEEDS)
    experiment = Experiment(folder, **OPTIONS, **(SMALL if small else {}))
    recipe = experiment.recipe
    unbounded = recipe.cost_budget
    bound = unbounded.cost(architecture("bert", FIXED.num_hidden_layers), FIXED)
    budget = replace(unbounded, max_parameters=bound.parameters, max_multiplications=bound.operations)
    known = strategies(experiment, budget)

    def finish(candidate: Candidate) -> Row:
        model = experiment.net.extract(candidate.layers, candidate.sizes)
        final, autocast = recipe.final, experiment.accelerator.autocast
        train_masked_lm(
            model, experiment.train, final.final_steps, final.final_batch_size, final.final_learning_rate, 0, autocast
        )
        rows = final_rows(recipe, len(experiment.held_out))
        score = evaluate_masked_lm(model, experiment.held_out.batch(list(rows), recipe.run.seed))
        cost = unbounded.cost(candidate.layers, candidate.sizes)
        return {
            "accuracy": round(score.value, 5),
            "standard_error": round(score.standard_error, 5),
            "layers": list(candidate.layers),
            "sizes": None if candidate.sizes is None else candidate.sizes.to_dict(),
            **asdict(cost),
        }

    def compute(name: str) -> Row:
        start = time.process_time()
        if name == "BERT":
            return finish(Candidate(tuple(architecture("bert", FIXED.num_hidden_layers)), sizes=FIXED))
        strategy, _, seed = name.rpartition(", seed ")
        estimator = experiment.estimator()
        done = find(known[strategy](random.Random(seed)), estimator.evaluate, number)
        best = max((each for each in done if each.score is not None), key=lambda each: each.rank_key)
        seconds = round(time.process_time() - start, 1)
        return {"proxy": best.score, "evaluated": len(done), "seconds": seconds, **finish(best.candidate)}

    names = ["BERT", *(f"{name}, seed {seed}" for seed in seeds for name in known)]
    rows = fill(folder / "rows.jsonl", names, compute)
    table: Row = {"BERT": {"accuracy": rows["BERT"]["accuracy"]}}
    for name in known:
        mine = [rows[f"{name}, seed {seed}"] for seed in seeds]
        table[name] = {
            each: [round(statistics.mean(row[each] for row in mine), 5), _error([row[each] for row in mine])]
            for each in ("proxy", "accuracy", "parameters", "operations")
        }
    for name in ("layers alone", "sizes alone"):
        differences = [
            rows[f"joint, seed {seed}"]["accuracy"] - rows[f"{name}, seed {seed}"]["accuracy"] for seed in seeds
        ]
        table[f"joint less {name}"] = [round(statistics.mean(differences), 5), _error(differences)]
    facts = {"machine": machine(), "budget": asdict(bound), "evaluations": number, "seeds": len(seeds)}
    print(json.dumps({**facts, "table": table, "rows": rows}, indent=1))


def _error(values: list[float]) -> float | None:
    """Standard error of the mean; None of a single value."""
    return None if len(values) < 2 else round(statistics.stdev(values) / len(values) ** 0.5, 6)


if __name__ == "__main__":
    main()
