"""Models on tasks, with several seeds: a grid of cells that is filled one by one, and goes on where it stopped.

A cell is one fine-tuning: a model, a task, a trial of the hyper-parameters and a seed. Each is a line of `cells.jsonl`,
on the disk before the next begins. The hyper-parameters of a model on a task are those of the highest mean over the
seeds, chosen on the rows that are scored, as BERT's are (arXiv 1810.04805, section 4.1).
"""

import hashlib
import json
import logging
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from autobert_zero_hf.data.contents import digest_of_model
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.growing import GrowingFile
from autobert_zero_hf.launch.processes import join_launch
from autobert_zero_hf.model_folder import find_model
from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.standard_error import if_known, is_known
from autobert_zero_hf.tasks.kinds import AnyTask
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.tasks.squad import SpanTask
from autobert_zero_hf.tasks.tokens import TokenTask
from autobert_zero_hf.writing import claimed, how_to_mend, without_infinities

from .options import FineTuningOptions
from .training import DivergedError, FineTuning, Trial, score_facts

CELLS = "cells.jsonl"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One fine-tuning of the grid.

    Args:
        model: as it was asked for.
        task: its name.
        trial: the hyper-parameters.
        seed: of the fine-tuning.
        identity: all that its result depends on; the same in every run.
    """

    model: str
    task: str
    trial: Trial
    seed: int
    identity: dict[str, Any]


class Grid:
    """All cells of an evaluation, and the results that there are.

    Args:
        folder: of `cells.jsonl`; what is there is not computed again.
        models: folders or Hub names.
        tasks: what they are fine-tuned on.
        options: of the fine-tuning; its seed is the first one.
        spans: how questions are cut to windows, and answers found.
        seeds: how many.

    Raises:
        AutoBertZeroError: if a model cannot be opened, `cells.jsonl` is damaged, or another process is at work there.
    """

    def __init__(
        self,
        folder: Path,
        models: Sequence[str],
        tasks: Sequence[AnyTask],
        options: FineTuningOptions,
        spans: SpanOptions,
        seeds: int,
    ):
        self.folder = folder
        self.options = options
        self.spans = spans
        self.models = list(dict.fromkeys(map(find_model, models)))
        self.tasks = {task.name: task for task in tasks}
        self.tunings = {
            (model, name): FineTuning(model, task, options, spans)
            for name, task in self.tasks.items()
            for model in self.models
        }
        if options.seed + seeds > 2**32:
            raise AutoBertZeroError(
                f"--seed {options.seed} and --seeds {seeds}: the last seed would be above {2**32 - 1}; give a smaller "
                "--seed"
            )
        self.seeds = range(options.seed, options.seed + seeds)
        weights = {model: digest_of_model(model) for model in self.models}
        rows = {name: _digest_of_rows(tuning.task) for (_, name), tuning in self.tunings.items()}
        self.cells = [
            self._cell(model, name, trial, seed, weights[model], rows[name])
            for seed in self.seeds
            for name in self.tasks
            for model in self.models
            for trial in self.tunings[model, name].trials
        ]
        self._is_main = join_launch().is_main_process
        lock = folder / f".{CELLS}.lock"
        self._claim = claimed(folder, lock, ["evaluation.*"]) if self._is_main else None
        self._file = GrowingFile(folder / CELLS)
        self.results = dict(_read(self._file))
        self._said: set[tuple[str, str]] = set()

    def _cell(self, model: str, task: str, trial: Trial, seed: int, weights: str, rows: str) -> Cell:
        tuning = self.tunings[model, task]
        identity = {"model": model, "weights": weights, "task": task, "rows": rows, "seed": seed, **trial._asdict()}
        identity |= {"max_length": tuning.max_length, "patience": tuning.options.patience}
        identity |= {"mixed_precision": tuning.options.mixed_precision}
        if tuning.options.group_by_length:  # else as before there was a choice, so that cells of then are known again
            identity |= {"group_by_length": True}
        if isinstance(tuning.task, SpanTask):
            identity |= vars(tuning.spans)
        if isinstance(tuning.task, TokenTask):  # whose names decide how it is scored
            identity |= {"labels": list(tuning.task.labels)}
        return Cell(model, task, trial, seed, identity)

    def result(self, cell: Cell) -> dict[str, Any] | None:
        """What came out of a cell; None if it is still to be computed, and without scores if its training diverged."""
        return self.results.get(_key(cell.identity))

    @property
    def done(self) -> int:
        """How many cells are computed."""
        return sum(self.result(cell) is not None for cell in self.cells)

    def fill(self, after_cell: Callable[[Cell], None] | None = None) -> None:
        """Compute the cells that are missing.

        Args:
            after_cell: called with each one that is computed, once it is on the disk.

        Raises:
            AutoBertZeroError: if a cell cannot be computed or written; those before it are safe.
        """
        for cell in self.cells:
            if self.result(cell) is None:
                result = self._compute(cell)
                self.results[_key(cell.identity)] = result
                if self._is_main:
                    self._append({"cell": cell.identity, "result": result})
                if after_cell is not None:
                    after_cell(cell)

    def _compute(self, cell: Cell) -> dict[str, Any]:
        # Made anew, so that no more than one task is held as tokens.
        tuning = FineTuning(cell.model, self.tasks[cell.task], self.options, self.spans)
        for warning in tuning.encoded.warnings:
            if (said := (cell.task, warning)) not in self._said:
                self._said.add(said)
                logger.warning("%s: %s", *said)
        try:
            found, _ = tuning.run(cell.trial, cell.seed, self.folder / ".checkpoints")
        except DivergedError:
            return {"scores": {}, "diverged": True}
        scores = {name: without_infinities(score_facts(score)) for name, score in found.scores.items()}
        return {"scores": scores, "seconds": round(found.seconds, 1)}

    def _append(self, row: dict[str, Any]) -> None:
        try:
            self._file.append((json.dumps(row, allow_nan=False) + "\n").encode())
        except OSError as error:
            raise AutoBertZeroError(
                f"{self._file.path} could not be written ({error.strerror}), the cells before are safe: "
                f"{how_to_mend(error)}"
            ) from error

    def close(self) -> None:
        """Let other processes work in the folder."""
        self._file.close()
        if self._claim is not None:
            self._claim.release()

    def summary(self) -> dict[str, Any]:
        """What `evaluation.json` says: the table, of the cells that there are so far, and the cells."""
        done = [cell for cell in self.cells if self.result(cell) is not None]
        tasks = dict(fact for (model, _), tuning in self.tunings.items() if model == self.models[0]
                     for fact in _task_facts(tuning))  # fmt: skip
        rows = [row for name in self.tasks for model in self.models for row in self._rows(model, name)]
        return {
            "models": self.models,
            "tasks": tasks,
            "seeds": list(self.seeds),
            "chosen_on": "validation",
            "cells": len(self.cells),
            "cells_done": len(done),
            "results": rows,
            "means": self._means(rows, list(tasks)),
            "seconds": round(sum(self.result(cell).get("seconds", 0.0) for cell in done), 1),  # type: ignore[union-attr]
        }

    def _rows(self, model: str, task: str) -> Iterator[dict[str, Any]]:
        """The results of a model on a task, and on its further rows, with the best hyper-parameters."""
        of_trials: dict[Trial, list[Cell]] = {}
        for cell in self.cells:
            if (cell.model, cell.task) == (model, task) and self.result(cell) is not None:
                of_trials.setdefault(cell.trial, []).append(cell)
        if not of_trials:
            return
        scores = {trial: [self.results[_key(cell.identity)]["scores"] for cell in cells]
                  for trial, cells in of_trials.items()}  # fmt: skip

        def worth(trial: Trial) -> tuple[int, float]:
            # A trial of more seeds first; one that diverged with any of them last.
            found = [each[task]["score"] for each in scores[trial] if each]
            return len(found), statistics.fmean(found) if found else -math.inf

        best = max(of_trials, key=worth)
        for name in dict.fromkeys(name for each in scores[best] for name in each):
            facts = [each[name] for each in scores[best] if each]
            values = [each["score"] for each in facts]
            errors = [each["standard_error"] for each in facts]
            yield {
                "model": model,
                "task": name,
                "score": statistics.fmean(values),
                "standard_error": _error_of_mean(values),
                "rows_standard_error": math.sqrt(statistics.fmean(e * e for e in errors))
                                       if all(map(is_known, errors)) else None,
                "seeds": len(values),
                "diverged": len(scores[best]) - len(values),
                "scores": values,
                "values": {key: statistics.fmean(each[key] for each in facts) for key in facts[0]
                           if key not in ("score", "standard_error")
                           and all(each.get(key) is not None for each in facts)},
                **best._asdict(),
                "trials": len(of_trials),
            }  # fmt: skip
        if not any(scores[best]):
            yield {"model": model, "task": task, "score": None, "seeds": 0, "diverged": len(scores[best])}

    def _means(self, rows: Sequence[dict[str, Any]], tasks: Sequence[str]) -> list[dict[str, Any]]:
        """The mean over all tasks of each model that has a score on all of them."""
        means = []
        for model in self.models:
            mine = [row for row in rows if row["model"] == model and row["score"] is not None]
            if len(tasks) > 1 and {row["task"] for row in mine} == set(tasks):
                errors = [row["standard_error"] for row in mine]
                error = None if None in errors else math.sqrt(sum(e * e for e in errors)) / len(mine)
                means.append(
                    {"model": model, "score": statistics.fmean(row["score"] for row in mine), "standard_error": error}
                )
        return means


def _task_facts(tuning: FineTuning) -> Iterator[tuple[str, dict[str, Any]]]:
    task = tuning.task
    parts: dict[str, tuple[Dataset, float]] = {task.name: (task.validation, task.baseline)}
    if not isinstance(task, SpanTask):
        parts |= {name: (rows, task.baseline_of(rows)) for name, rows in task.further.items()}
    dataset, config = task.dataset or (None, None)
    for name, (rows, baseline) in parts.items():
        facts = {"metric": task.metric.primary, "rows": len(rows), "train_rows": len(task.train)}
        facts |= {"baseline": baseline, "constant_answer": task.constant_answer}
        yield name, {**facts, "dataset": dataset, "dataset_config": config, **task.reading}


def _error_of_mean(values: Sequence[float]) -> float | None:
    return if_known(statistics.stdev(values) / math.sqrt(len(values))) if len(values) > 1 else None


def _key(identity: dict[str, Any]) -> str:
    """What a cell is known again by: its model by what it holds, wherever that lies, or by its name on the Hub."""
    by_content = {name: value for name, value in identity.items() if name != "model"}
    return json.dumps(by_content if identity.get("weights") else identity, sort_keys=True)


def _read(file: GrowingFile) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(file.read(), start=1):
        try:
            row = parse_json(line)
            yield _key(row["cell"]), {**row["result"], "scores": dict(row["result"]["scores"])}
        except (ValueError, KeyError, TypeError) as error:
            raise AutoBertZeroError(
                f"{file.path}, line {number}, is damaged; only a last line may be: restore the file, delete that line, "
                "or use another --output-dir"
            ) from error


def _digest_of_rows(task: AnyTask) -> str:
    digest = hashlib.sha256()
    further = () if isinstance(task, SpanTask) else task.further.values()
    for rows in (task.train, task.validation, *further):
        for batch in rows.iter(batch_size=1000):
            digest.update(json.dumps(batch, sort_keys=True).encode())
    return digest.hexdigest()[:16]
