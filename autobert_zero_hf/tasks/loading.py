"""Tasks by their names: the demo's, GLUE's and SQuAD's of the Hub, or those of a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

from ..data.corpus import DEMO_TOPICS, load_demo
from ..model.excerpts import excerpt
from .files import task_from_files, tasks_in
from .glue import DATASET, GLUE
from .known import DEMO, HUB_TASKS, SQUAD, TASKS
from .squad import COLUMNS, SpanTask, span_task
from .task import Task, TaskError, check_columns, task_rows


def task_names(asked: Sequence[str], folder: Path | None = None) -> tuple[str, ...]:
    """The tasks that are asked for, each once.

    Args:
        asked: names; "all" stands for all of the folder, or all of GLUE and SQuAD, "glue" for GLUE's nine.
        folder: where the tasks lie; by default they are the Hub's.

    Raises:
        TaskError: if the folder has none.
    """
    groups = {"all": tasks_in(folder)} if folder is not None else {"all": HUB_TASKS, "glue": tuple(GLUE)}
    names = dict.fromkeys(name for word in asked for name in groups.get(word, (word,)))
    if not names:
        raise TaskError(f"{folder}: no task is there; a task is a folder with train.jsonl and validation.jsonl")
    return tuple(names)


def load_task(name: str, seed: int = 0, folder: Path | None = None) -> Task | SpanTask:
    """A task by its name.

    `bbc_topics`: the topic, of five, of BBC news articles; 10% of the articles are held out, the same ones that a
    search on this text with the same seed and share holds out. `cola`, `sst2`, `mrpc`, `stsb`, `qqp`, `mnli`, `qnli`,
    `rte` and `wnli` are those of the Hub's data set nyu-mll/glue, `squad` and `squad_v2` are rajpurkar's; what they
    score on is their validation split, because the answers of their test splits are not public.

    In a folder, each task is a folder of its name. `train.jsonl` and `validation.jsonl` have a row a line: a JSON
    object with `sentence` or `text`, or a pair by one of GLUE's names such as `sentence1` and `sentence2`, and `label`;
    what else it has is left out. `labels.json` is `{"names": [...]}`, and a label one of these names or its place among
    them, or, for a regression, `{"names": [], "range": [lowest, highest]}`; a task of GLUE's name can do without.
    Instead of `validation.jsonl` there may be MNLI's two. Rows of SQuAD's columns, `id`, `context`, `question` and
    `answers`, need no labels; with questions that have no answer they are scored as SQuAD v2.0, without as v1.1. What
    has no context or no question is left out, and half of a character is replaced by U+FFFD: both with a warning.

    Args:
        name: of the task.
        seed: of the split of `bbc_topics`; the other tasks are split already.
        folder: where the task lies.

    Raises:
        TaskError: if there is no such task, or its rows are not as they should be.
        CorpusError: if the text of `bbc_topics` is not there.
    """
    if folder is not None:
        return task_from_files(name, folder)
    if name == DEMO:
        parts = load_demo().train_test_split(test_size=0.1, seed=seed)
        return Task(name, parts["train"], parts["test"], DEMO_TOPICS)
    if name in GLUE:
        return _load_glue(name)
    if name in SQUAD:
        source = SQUAD[name]
        train, validation = (_columns(*source, split, COLUMNS) for split in ("train", "validation"))
        return span_task(name, train, validation, source)
    known = ", ".join(TASKS)
    raise TaskError(f"unknown task {excerpt(name)}: known are {known}, and those of a folder (--data, or --task-data)")


def load_text_task(name: str, seed: int = 0, folder: Path | None = None) -> Task:
    """Loads a task with a class or a number to answer, as `load_task` does.

    Raises:
        TaskError: also if answers are to be found in a text.
    """
    task = load_task(name, seed, folder)
    if isinstance(task, SpanTask):
        raise TaskError(f"{name}: its answers are parts of a text; wanted is a task with labels")
    return task


def _load_glue(name: str) -> Task:
    known = GLUE[name]

    def rows(split: str) -> Dataset:
        columns, place = _columns(DATASET, name, split, (*known.texts, "label"))
        return task_rows(columns, known.labels, known.label_range, place)

    further = {score: rows(split) for score, split in known.further}
    train, validation = rows("train"), rows(known.validation)
    return Task(name, train, validation, known.labels, known.label_range, further, (DATASET, name))


def _columns(
    dataset: str, config: str, split: str, wanted: Sequence[str]
) -> tuple[dict[str, list[Any]], Callable[[int], str]]:
    """These columns of a split of the Hub's, and where each row stands."""
    place = f"data set {dataset} ({config}, {split})"
    try:
        rows = load_dataset(dataset, config, split=split)
    except Exception as error:  # the loaders of `datasets` raise nearly anything
        said = str(error).split("\n")[0] or type(error).__name__
        raise TaskError(f"{place} cannot be loaded: {said}; local files are taken with --data DIR") from error
    check_columns(rows.column_names, wanted, place)
    if not len(rows):
        raise TaskError(f"{place}: no rows; one is needed at least")
    return {name: rows[name][:] for name in wanted}, lambda number: f"{place}, row {number}"
