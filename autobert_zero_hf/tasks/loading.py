"""Tasks by their names: the demo's, GLUE's and SQuAD's of the Hub, or those of a folder; and data sets, each a task."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

from ..data.corpus import DEMO_TOPICS, load_demo
from ..model.excerpts import excerpt
from .data_options import TaskDataOptions
from .files import LABELS, task_from_files, tasks_in
from .glue import DATASET, GLUE
from .kinds import AnyTask
from .known import DEMO, HUB_TASKS, SQUAD, TASKS
from .own_data import task_from_data
from .squad import COLUMNS, SpanTask, span_task
from .tables import has_splits, is_saved_dataset, is_table_file
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


def load_asked_task(
    name: str | None, seed: int = 0, data: Path | None = None, options: TaskDataOptions | None = None
) -> AnyTask:
    """The task that is asked for, by its name, of a folder, or of a data set, which is one.

    Args:
        name: as `load_task` takes it; of a data set, what it is to be called, if another than its own name.
        seed: of a split that is made.
        data: a folder with a folder for each task, or whatever `task_from_data` takes; by default tasks are known ones.
        options: which columns a data set has, and what becomes of its bad rows.

    Raises:
        TaskError: if it is not there or cannot be used, or what is asked for does not go together.
        CorpusError: if the text of `bbc_topics` is not there.
    """
    if data is not None and _is_data_set(data, () if name is None else (name,)):
        return _task_of_data_set(data, name, seed, options)
    if options not in (None, TaskDataOptions()):
        which = "which is not given" if data is None else f"and {data} is a folder of tasks"
        flags = "--text-column, --label-column, --data-config and --skip-bad-rows"
        raise TaskError(f"{flags} go with a data set as --data, {which}")
    if name is None:
        way = (
            ", or a data set as --data"
            if data is None
            else f"; in {data} there is {', '.join(tasks_in(data)) or 'none'}"
        )
        raise TaskError(f"no task is given: give --task NAME{way}")
    return load_task(name, seed, data)


def load_asked_tasks(
    asked: Sequence[str], seed: int = 0, data: Path | None = None, options: TaskDataOptions | None = None
) -> list[AnyTask]:
    """The tasks that are asked for, each once: names as `task_names` takes them; of a data set one, or "all".

    The other arguments are those of `load_asked_task`.

    Raises:
        TaskError: as there, and if several are asked for of a data set, which is one.
    """
    names = [name for name in asked if name != "all"]
    if data is None or not _is_data_set(data, names):
        return [load_asked_task(name, seed, data, options) for name in task_names(asked, data)]
    if len(names) > 1:
        raise TaskError(f"{data} is one data set: give one name for its task, or all, and not {len(names)}")
    return [load_asked_task(names[0] if names else None, seed, data, options)]


def _is_data_set(data: Path, names: Sequence[str]) -> bool:
    """Whether it is no folder in which tasks lie, each in one of its own."""
    if not data.is_dir() or is_saved_dataset(data):
        return True
    if names and all((data / name).is_dir() for name in names):
        return False
    return has_splits(data) or (not tasks_in(data) and any(map(is_table_file, data.rglob("*"))))


def _task_of_data_set(data: Path, name: str | None, seed: int, options: TaskDataOptions | None) -> AnyTask:
    if not (data / LABELS).is_file():
        return task_from_data(data, name, seed, options)
    # A folder out of a folder of tasks.
    whole = data.resolve()
    task = task_from_files(whole.name, whole.parent)
    return task if name is None else replace(task, name=name)


def load_text_tasks(asked: Sequence[str], seed: int = 0, data: Path | None = None) -> list[Task]:
    """Tasks with a class or a number for each text to answer, as `load_asked_tasks` gives them.

    Raises:
        TaskError: also if one of them has several labels, tags, or answers in a text.
    """
    found = []
    for task in load_asked_tasks(asked, seed, data):
        if not isinstance(task, Task):
            raise TaskError(f"{task.name}: wanted is a task with a class or a number for each text")
        found.append(task)
    return found


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
