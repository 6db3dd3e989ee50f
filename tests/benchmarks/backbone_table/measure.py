"""Measures the table: 203 backbones of the quickstart's space, each by five looks that cost ever more.

The space is that of the recipe quickstart (4 layers, width 128, norms first, rotary positions). Every look begins with
the weights of one super-net, as a search's do:

- `inherited`: the quickstart's own proxy, 8 steps and 256 rows;
- `words-100` and `words-400`: so many steps of 8 rows on masked words, scored on 1,024 held-out rows;
- `tasks-25` and `tasks-100`: after the 400 steps, so many steps on each of five tasks, by each task's metric.

Backbones are the BERT, the paper's and `conv(9)` in every layer; 128 random ones; and 72 children of these, each of the
best of a tournament of five by `words-400`, by the mutations of OP-NAS or by crossover, so that the table has near
neighbours as well. Parameters and latency (one text of 128 tokens, one thread) stand beside them. Seconds are of the
processor.

DATA as for `tests.benchmarks.winner`. It resumes; several may run side by side, each with a share; children come after
all that are drawn:

    OMP_NUM_THREADS=1 python -m tests.benchmarks.backbone_table.measure DATA runs/table drawn [--share 1/2]
    OMP_NUM_THREADS=1 python -m tests.benchmarks.backbone_table.measure DATA runs/table children [--share 1/2]
    python -m tests.benchmarks.backbone_table.measure DATA runs/table write

The last one adds what there is to the data set beside itself; what that holds is not measured again.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.latency.measuring import measure
from autobert_zero_hf.search.proxies.tasks import PreparedTask, TaskOptions, TaskProxy
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.mutation import Mutations

from autobert_zero_hf import AutoBertZeroForMaskedLM, AutoBertZeroModel, architecture
from autobert_zero_hf.tasks.loading import load_text_tasks
from autobert_zero_hf.training.replayable.masked_lm import evaluate_masked_lm, train_masked_lm
from tests.benchmarks.experiment import Experiment, fill, rows_of
from tests.benchmarks.paired import machine
from tests.benchmarks.winner import TASKS, files

RANDOM, CHILDREN, TOURNAMENT = 128, 72, 5
WORDS, TASK_STEPS = (100, 400), (25, 100)
LENGTH, TASK_ROWS, HELD_OUT = 64, 1000, 1024
ROWS, RATE = 8, 3e-3
"""Of the quickstart's last training."""
BLOCK = {"block": "pre_norm", "positions": "rotary"}
BACKBONES, SCORES, MEASURED = (
    Path(__file__).with_name(name) for name in ("backbones.jsonl", "scores.jsonl", "measured.json")
)
FIELDS = ("layers", "origin", "parent", "parameters", "milliseconds")
Row = dict[str, Any]


class Table:
    """Measures a backbone by all looks; a row is named by its kind and number."""

    def __init__(self, data: Path, folder: Path):
        text = files(data, "train")
        self.experiment = Experiment(folder / "super-net", text=text, mixed_precision="no", **BLOCK)
        self.folder, self.data = folder, data
        self.space = self.experiment.recipe.search_space

    @cached_property
    def named(self) -> dict[str, Candidate]:
        """Those that are not drawn, and those that are drawn evenly."""
        rng, known = random.Random(0), {name: tuple(architecture(name, 4)) for name in ("bert", "autobert-zero")}
        known["conv(9)"] = ("conv(9)",) * 4
        found = {name: Candidate(layers, origin=name) for name, layers in known.items()}
        identities = {each.identity for each in found.values()}
        while len(found) < len(known) + RANDOM:
            candidate = self.space.sample(rng)
            if candidate.identity not in identities:
                identities.add(candidate.identity)
                found[f"random {len(found) - len(known)}"] = candidate
        return found

    def children(self, rows: Mapping[str, Row]) -> dict[str, Candidate]:
        """The children of the best of tournaments; the same whenever the rows of all others are there."""
        rng, found = random.Random(1), dict[str, Candidate]()
        judged = {name: _score(rows[name], f"words-{WORDS[-1]}") for name in self.named}
        alive = [(name, self.named[name]) for name, score in judged.items() if score is not None]
        identities = {each.identity for each in self.named.values()}
        mutations = Mutations(("crossover", "copy layer"))
        while len(found) < CHILDREN:
            tournament = rng.sample(alive, TOURNAMENT)
            name, parent = max(tournament, key=lambda each: judged[each[0]] or 0.0)
            start = replace(parent, parent=parent.identity, origin="")
            drawn = mutations.among(each for _, each in tournament)
            change: Callable[..., Candidate] = rng.choice([drawn.layout, drawn.graph])
            child = change(start, self.space, rng)
            if child.identity not in identities:
                identities.add(child.identity)
                found[f"child {len(found)}"] = replace(child, origin=f"{name}: {child.origin}")
        return found

    @cached_property
    def tasks(self) -> dict[str, PreparedTask]:
        tokenizer, folder = self.experiment.train.tokenizer, self.data / "glue"
        tasks = load_text_tasks(TASKS, 0, folder)
        return {each.name: PreparedTask.of(each, tokenizer, LENGTH, TASK_ROWS, seed=0) for each in tasks}

    def __call__(self, candidate: Candidate) -> Row:
        _ = self._estimator, self._held_out  # what is made for all is not in the seconds of the first
        (latency,) = measure([AutoBertZeroModel(self.experiment.config(candidate.layers))], LatencyOptions())
        scores = [timed("inherited", None, lambda: self._inherited(candidate))]
        for steps in WORDS:
            model = self.experiment.net.extract(candidate.layers)
            scores.append(timed(f"words-{steps}", None, lambda model=model, steps=steps: self._words(model, steps)))
        if scores[-1]["score"] is not None:
            scores += [
                timed(f"tasks-{steps}", name, lambda task=task, steps=steps: self._task(model, task, steps))
                for steps in TASK_STEPS
                for name, task in self.tasks.items()
            ]
        return {
            "layers": list(candidate.layers),
            "origin": candidate.origin,
            "parent": candidate.parent,
            "parameters": model.num_parameters(),
            "milliseconds": round(latency.median, 3),
            "scores": scores,
        }

    def _inherited(self, candidate: Candidate) -> tuple[float | None, float | None]:
        found = self._estimator.evaluate(candidate)
        return found.score, found.standard_error

    @cached_property
    def _estimator(self) -> Any:
        return self.experiment.estimator()

    def _words(self, model: AutoBertZeroForMaskedLM, steps: int) -> tuple[float | None, float | None]:
        train_masked_lm(model, self.experiment.train, steps, ROWS, RATE, 0, self.experiment.accelerator.autocast)
        score = evaluate_masked_lm(model, self._held_out)
        return score.value, score.standard_error

    @cached_property
    def _held_out(self) -> Any:
        return self.experiment.held_out.batch(list(range(HELD_OUT)), seed=0)

    def _task(self, model: Any, task: PreparedTask, steps: int) -> tuple[float | None, float | None]:
        options = TaskOptions(task_steps=steps, task_by_length=True)
        found = TaskProxy([task], options, 0, self.experiment.accelerator.autocast)(model, lambda _: None)
        return found.value, found.standard_error


def timed(look: str, task: str | None, compute: Callable[[], tuple[float | None, float | None]]) -> Row:
    """A score, its error and the processor's seconds; no score where something was not finite."""
    start = time.process_time()
    try:
        score, error = compute()
    except FloatingPointError:
        score = error = None
    seconds = round(time.process_time() - start, 2)
    return {
        "look": look,
        "task": task,
        "score": None if score is None else round(score, 6),
        "standard_error": None if error is None else round(error, 6),
        "seconds": seconds,
    }


def _score(row: Row, look: str) -> float | None:
    """Of a look that has one."""
    return next(each["score"] for each in row["scores"] if each["look"] == look)


def measured(folder: Path) -> dict[str, Row]:
    """What is measured: in the data set, and by all processes together."""
    rows = {row["name"]: {**row, "scores": []} for row in rows_of(BACKBONES)}
    for line in rows_of(SCORES):
        rows[line.pop("backbone")]["scores"].append(line)
    return rows | {row["name"]: row for file in sorted(folder.glob("rows*.jsonl")) for row in rows_of(file)}


def write(rows: Mapping[str, Row]) -> None:
    """The data set: a line for each backbone, and a line for each score of one."""
    backbones, scores = [], []
    for name, row in rows.items():
        backbones.append({"name": name, **{field: row[field] for field in FIELDS}})
        scores += [{"backbone": name, **each} for each in row["scores"]]
    for file, lines in ((BACKBONES, backbones), (SCORES, scores)):
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = {"machine": machine(), "backbones": len(backbones), "scores": len(scores)}
    MEASURED.write_text(json.dumps(facts, indent=1) + "\n")
    print(facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=["drawn", "children", "write"])
    parser.add_argument("--share", default="1/1")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    known = measured(given.folder)
    if given.part == "write":
        write(known)
        return
    table = Table(given.data, given.folder)
    candidates = table.named
    if given.part == "children":
        if missing := [name for name in candidates if name not in known]:
            parser.error(f"children are of those that were drawn, and {len(missing)} of these are not measured yet")
        candidates = table.children(known)
    number, many = map(int, given.share.split("/"))
    names = [name for name in list(candidates)[number - 1 :: many] if name not in known]
    fill(given.folder / f"rows-{number}-of-{many}.jsonl", names, lambda name: table(candidates[name]))


if __name__ == "__main__":
    main()
