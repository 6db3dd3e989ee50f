"""Formulas that imitate the mixers of trained encoders: a landscape with little noise. Who finds the best soonest?

A formula runs on the projections of a layer of MiniLM (ENCODER), and its last linear layer is fitted to give what the
layer's attention gives (`search.blocks.formulas`): nothing is trained, and the only noise is that of the rows. The
score is the error with its sign turned, a share of the variance. OP-NAS, in the paper's form and sharper, against
OP-NAS with operations drawn evenly, regularised evolution, local search, the predictor and random search, SEEDS seeds
of EVALUATIONS formulas each, in several layers.

And do priorities that were learnt in one layer help in another one, or in another encoder (OTHER, such as the BERT of a
search)? OP-NAS draws by the priorities of all that was seen in the first of the layers, and learns nothing more; beside
it, drawing evenly. TEXT is real text. It resumes:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.imitated ENCODER OTHER TEXT runs/imitated
"""

import argparse
import json
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.blocks.formulas import Imitation
from autobert_zero_hf.search.blocks.source import open_source
from autobert_zero_hf.search.blocks.teacher import Teacher
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Evaluation, Failure
from autobert_zero_hf.search.strategy.local_search import LocalSearch
from autobert_zero_hf.search.strategy.op_nas import OpNas
from autobert_zero_hf.search.strategy.operation_priority import OperationPriority
from autobert_zero_hf.search.strategy.predictor import Predictor
from autobert_zero_hf.search.strategy.random_search import RandomSearch
from autobert_zero_hf.search.strategy.regularized_evolution import RegularizedEvolution
from autobert_zero_hf.search.strategy.strategy import Strategy

from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.packing import pack
from tests.benchmarks.experiment import fill
from tests.benchmarks.paired import machine

SEEDS, EVALUATIONS, ROWS, TOKENS = 10, 64, 32, 128
LAYERS = (0, 3)
OTHER_LAYERS = (1,)
POPULATION, PARENTS, CHILDREN = 16, 4, 2
_op_nas = partial(OpNas, population_size=POPULATION, num_parents=PARENTS, num_children=CHILDREN)
STRATEGIES: Mapping[str, Callable[..., Strategy]] = {
    "random": RandomSearch,
    "evolution": partial(
        RegularizedEvolution, population_size=POPULATION, sample_size=5, generation_size=PARENTS * CHILDREN
    ),
    "local search": partial(LocalSearch, population_size=POPULATION, generation_size=PARENTS * CHILDREN),
    "op-nas, even": partial(_op_nas, alpha=None),
    "op-nas, the paper's": _op_nas,
    "op-nas, occurrences, temperature 0.1": partial(_op_nas, alpha=0.3, credit="occurrences", temperature=0.1),
    "predictor": partial(
        Predictor, population_size=POPULATION, num_parents=PARENTS, generation_size=PARENTS * CHILDREN
    ),
}


class Taught(OpNas):
    """OP-NAS whose priorities are those of another layer, and stay so."""

    def __init__(self, space: SearchSpace, rng: random.Random, priority: OperationPriority):
        super().__init__(space, rng, POPULATION, PARENTS, CHILDREN, alpha=None)
        self.priority = priority

    def _learn(self, evaluation: Evaluation) -> None:
        pass


class Landscape:
    """The errors of formulas in one layer, each computed once."""

    def __init__(self, imitation: Imitation, file: Path):
        self.imitation, self.file = imitation, file
        lines = file.read_text().splitlines() if file.exists() else []
        self.known: dict[str, tuple[str, float | None]] = {
            row["identity"]: (row["line"], row["error"]) for row in map(json.loads, lines)
        }

    def __call__(self, candidate: Any) -> Evaluation:
        if candidate.identity not in self.known:
            found = self.imitation(candidate.layers[0])
            self.known[candidate.identity] = (candidate.layers[0], None if found is None else found.error)
            row = {
                "identity": candidate.identity,
                "line": candidate.layers[0],
                "error": self.known[candidate.identity][1],
            }
            with self.file.open("a") as lines:
                lines.write(json.dumps(row) + "\n")
        error = self.known[candidate.identity][1]
        if error is None:
            return Evaluation(candidate, None, failure=Failure.NOT_FINITE)
        return Evaluation(candidate, -error)


def curve(strategy: Strategy, landscape: Landscape) -> tuple[list[float], list[Evaluation]]:
    """The least error after each evaluation, and all that was told."""
    errors: list[float] = []
    told: list[Evaluation] = []
    while len(errors) < EVALUATIONS and (asked := strategy.ask()):
        results = [landscape(candidate) for candidate in asked[: EVALUATIONS - len(errors)]]
        strategy.tell(results)
        told += results
        for result in results:
            errors.append(min([math.inf if result.score is None else -result.score, *errors[-1:]]))
    return errors, told


def compared(curves: Mapping[str, Sequence[Sequence[float]]], base: str) -> dict[str, Any]:
    """The errors at the end, and how soon the end of `base` with the same seed is reached."""
    found = {}
    for name, own in curves.items():
        ends, gains = [each[-1] for each in own], [b[-1] - a[-1] for a, b in zip(own, curves[base], strict=True)]
        reached = [
            next((n for n, error in enumerate(mine, 1) if error <= goal[-1]), EVALUATIONS + 1)
            for mine, goal in zip(own, curves[base], strict=True)
        ]
        error = statistics.stdev(gains) / math.sqrt(len(gains))
        found[name] = {
            "error, median": round(statistics.median(ends), 4),
            f"less error than {base}, mean": [round(statistics.mean(gains), 4), round(error, 4)],
            f"evaluations until {base}'s end, median": statistics.median(reached),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("other")
    parser.add_argument("text")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    space = Recipe.from_dict({"num_layers": 1, "layer_types": ["attention"]}).search_space
    assert isinstance(space, SearchSpace)
    landscapes = {}
    for name, path, layers in (("encoder", given.encoder, LAYERS), ("other", given.other, OTHER_LAYERS)):
        source = open_source(path)
        teacher = Teacher(source.base)
        packed = pack(load_documents([given.text]), source.tokenizer, TOKENS)[:ROWS]["input_ids"]
        for layer in layers:
            place = f"{name}, layer {layer + 1}"
            file = given.folder / f"{name}-{layer}.jsonl"
            landscapes[place] = Landscape(Imitation(teacher, layer, packed, 0), file)
    first = next(iter(landscapes))
    # What the random formulas of the first layer came to is what priorities are learnt from.
    told = [
        each for seed in range(SEEDS) for each in curve(RandomSearch(space, random.Random(seed)), landscapes[first])[1]
    ]

    def searched(name: str) -> dict[str, Any]:
        place, strategy, seed = name.split("/")
        landscape = landscapes[place]
        if strategy == "op-nas, taught":
            priority = OperationPriority(space.operations, 0.3, credit="occurrences", temperature=0.1)
            for evaluation in told:
                graphs = evaluation.candidate.graphs.values()
                priority.update([node.name for graph in graphs for node in graph.operations], evaluation.score)
            made: Strategy = Taught(space, random.Random(int(seed)), priority)
        else:
            made = STRATEGIES[strategy](space, random.Random(int(seed)))
        return {"errors": curve(made, landscape)[0]}

    facts: dict[str, Any] = {
        "what": f"{SEEDS} seeds of {EVALUATIONS} formulas; errors on {ROWS // 4} rows of {TOKENS} tokens",
        "machine": machine(),
    }
    for place in landscapes:
        names = list(STRATEGIES) + ([] if place == first else ["op-nas, taught"])
        wanted = [f"{place}/{strategy}/{seed}" for strategy in names for seed in range(SEEDS)]
        rows = fill(given.folder / "curves.jsonl", wanted, searched)
        curves = {
            strategy: [rows[f"{place}/{strategy}/{seed}"]["errors"] for seed in range(SEEDS)] for strategy in names
        }
        facts[place] = {
            **compared(curves, "random"),
            "against drawing evenly": {
                name: each["less error than op-nas, even, mean"]
                for name, each in compared(curves, "op-nas, even").items()
                if name.startswith("op-nas")
            },
        }
        print(json.dumps({place: facts[place]}, indent=1), flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
