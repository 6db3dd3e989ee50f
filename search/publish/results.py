"""The results on a card, from what the commands wrote beside a model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.standard_error import plus_minus

from ..runtime.run_folder import BERT, BEST, SCRATCH, finalists_of
from .card import Result, masked_lm_result
from .facts import ModelFacts, SearchFacts, text_of

METRICS = {
    "accuracy": "accuracy",
    "f1": "f1",
    "matthews_correlation": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "exact_match": "exact_match",
}
"""Those that a task is scored by, and the Hub's words for them."""
_CONSTANT = "the same answer to all"


def results_of(facts: ModelFacts) -> list[Result]:
    """Everything that was measured of a model, in the order in which it came about.

    Raises:
        AutoBertZeroError: if an evaluation is of other models.
    """
    results = []
    if facts.search and facts.finalist:
        baseline = finalists_of(facts.search.recipe)[1]
        other, what = {
            BEST: (baseline, {BERT: "a BERT of the same size", SCRATCH: "the same model from scratch"}[baseline]),
            baseline: (BEST, "the backbone that the search found"),
        }.get(facts.finalist, (BEST, "the best of the search"))
        score, beside = facts.search.scores[facts.finalist], facts.search.scores[other]
        baseline = f"{plus_minus(beside.value, beside.standard_error)} ({what})"
        results.append(masked_lm_result(score, facts.search.text, baseline))
        results += _of_searched_tasks(facts.search, facts.finalist, other, what)
    if record := facts.records.get("pretraining"):
        results += _of_pretraining(record)
    if record := facts.records.get("result"):
        results.append(_of_task(record["task"], record, f"{record['rows']:,} held-out rows"))
        for name, further in record.get("further", {}).items():
            merged = {"dataset": record.get("dataset"), "dataset_config": record.get("dataset_config"), **further}
            results.append(_of_task(name, merged, f"{further['rows']:,} held-out rows"))
    if record := facts.records.get("evaluation"):
        results += _of_evaluation(record, facts.folder)
    return results


def _of_searched_tasks(search: SearchFacts, name: str, other: str, what: str) -> Iterator[Result]:
    """The score of a finalist by which the candidates of a search by tasks are compared; the Hub has no word for it."""
    own, beside = search.finalists[name], search.finalists[other]
    if own.task_score is not None and beside.task_score is not None:
        tasks = ", ".join(search.recipe["tasks"])
        yield Result(
            task=tasks,
            metric="mean score after a short fine-tuning",
            value=own.task_score,
            metrics={},
            standard_error=own.task_error,
            measured_on="the validation rows that chose the winner, which flatter it",
            baseline=f"{plus_minus(beside.task_score, beside.task_error)} ({what})",
            dataset=tasks,
            task_type="text-classification",
        )


def _of_pretraining(record: Mapping[str, Any]) -> list[Result]:
    kinds = {
        "accuracy": ("masked words", "accuracy", f"{record.get('masked_words', 0):,} words", "the most frequent word"),
        "loss": ("masked words", "loss", f"{record.get('masked_words', 0):,} words", "each word by its frequency"),
        "next_sentence_accuracy": ("next sentence", "accuracy", "the same rows", "the more frequent answer"),
    }
    results = []
    text = text_of(record["options"])
    for key, (task, metric, count, baseline) in kinds.items():
        if key in record:
            rows = f"{record['held_out_rows']:,} held-out rows of {text}"
            beside = record.get(f"{key}_baseline")
            results.append(
                Result(
                    task=task,
                    metric=metric,
                    value=record[key],
                    metrics={metric: record[key]},
                    standard_error=record.get(f"{key}_standard_error"),
                    measured_on=f"{count} of {rows}",
                    baseline=_constant(beside, baseline),
                    dataset=text,
                    task_type="fill-mask" if task == "masked words" else "text-classification",
                )
            )
    return results


def _of_task(name: str, record: Mapping[str, Any], measured_on: str) -> Result:
    values = record.get("values", record)
    names = [metric.replace("_", " ") for metric in METRICS if metric in values]
    is_span = "exact match" in names
    # SQuAD's two numbers are not averaged: the F1 is the score.
    metric = "f1" if is_span else " and ".join(names)
    return Result(
        task=name,
        metric=metric if is_span or len(names) == 1 else f"mean of {metric}",
        value=record["score"],
        metrics={METRICS[name]: values[name] for name in METRICS if name in values},
        standard_error=record.get("standard_error"),
        measured_on=measured_on,
        baseline=_constant(record.get("baseline"), _CONSTANT),
        dataset=name,
        task_type="question-answering" if is_span else "text-classification",
        hub_dataset=hub_dataset(record),
        config=record.get("dataset_config"),
        split="validation",
    )


def _constant(score: float | None, what: str) -> str:
    """The score of something that no rows were asked for, in words; empty where there is none."""
    return "" if score is None else f"{score:.4f} ({what})"


def _of_evaluation(record: Mapping[str, Any], folder: Path) -> list[Result]:
    """The rows of this model in the table of a grid, whose scores are means over seeds of fine-tuning it."""
    mine = [model for model in record["models"] if Path(model).resolve() == folder.resolve()]
    if not mine:
        raise AutoBertZeroError(
            f"the evaluation is of other models ({', '.join(record['models'])}), not of {folder}: run it on this folder"
        )
    results = []
    for row in record["results"]:
        if row["model"] in mine and row["score"] is not None:
            task = record["tasks"][row["task"]]
            beside = {name: task.get(name) for name in ("baseline", "dataset", "dataset_config")}
            error = row["standard_error"] if row["standard_error"] is not None else row.get("rows_standard_error")
            measured_on = f"{task['rows']:,} held-out rows, fine-tuned with {row['seeds']} seed(s)"
            results.append(_of_task(row["task"], {**row, **beside, "standard_error": error}, measured_on))
    return results


def hub_dataset(record: Mapping[str, Any]) -> str | None:
    """The data set of the Hub that a record names, if it names one and not a folder."""
    name = record.get("dataset")
    if not isinstance(name, str) or name.count("/") > 1 or name.startswith((".", "/")):
        return None
    return None if Path(name).exists() else name
