"""Tasks as folders of files: JSON objects, one a line, and the names of the classes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset

from .glue import GLUE, PAIRS
from .squad import COLUMNS, SpanTask, span_task
from .tasks import Task, TaskError, check_columns, is_number, task_rows

_LABELS, _TRAIN, _VALIDATION = "labels.json", "train.jsonl", "validation.jsonl"
_MATCHED, _MISMATCHED = "validation_matched.jsonl", "validation_mismatched.jsonl"


def tasks_in(folder: Path) -> tuple[str, ...]:
    """The tasks of a folder, at any depth: the paths of the folders with training rows.

    Raises:
        TaskError: if there is no such folder.
    """
    _check_folder(folder)
    return tuple(sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob(_TRAIN)))


def task_from_files(name: str, folder: Path) -> Task | SpanTask:
    """The task of a folder; what kind of task it is, its columns tell.

    Raises:
        TaskError: if there is no such task, or its files are not as they should be.
    """
    _check_folder(folder)
    place = folder / name
    if not place.is_dir():
        there = ", ".join(tasks_in(folder)) or "no task"
        raise TaskError(f"unknown task {name!r}: in {folder} there is {there}")
    validation = place / _VALIDATION
    if not validation.exists() and (place / _MATCHED).exists():
        validation = place / _MATCHED
    if missing := [path.name for path in (place / _TRAIN, validation) if not path.is_file()]:
        raise TaskError(f"{place}: no {', '.join(missing)}; a task has {_LABELS}, {_TRAIN} and {_VALIDATION}")
    if _asks_questions(place / _TRAIN):
        return span_task(name, _read(place / _TRAIN, COLUMNS), _read(validation, COLUMNS))
    return _classification(name, place, validation)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise TaskError(f"{folder}: {'is a file' if folder.exists() else 'no such folder'}; tasks lie in a folder")
    if (folder / _TRAIN).exists():
        whole = folder.resolve()
        raise TaskError(f"{folder} is a task itself: give the folder {whole.parent}, and its task {whole.name}")


def _asks_questions(path: Path) -> bool:
    """Whether the first row is one of SQuAD's; it is looked at again when it is read."""
    return next((bool({"context", "answers"} & set(row)) for _, row in _objects(path)), False)


def _classification(name: str, place: Path, validation: Path) -> Task:
    known = GLUE.get(place.name)
    if (place / _LABELS).exists() or known is None:
        labels, limits = _read_labels(place / _LABELS)
    else:
        labels, limits = known.labels, known.label_range
    further = {f"{name}_mismatched": place / _MISMATCHED} if (place / _MISMATCHED).exists() else {}
    rows = [_read_rows(path, len(labels), limits) for path in (place / _TRAIN, validation, *further.values())]
    if len({tuple(each.column_names) for each in rows}) > 1:
        raise TaskError(f"{place}: one file has single texts, the other pairs, sentence1 and sentence2, say")
    return Task(name, rows[0], rows[1], labels, limits, dict(zip(further, rows[2:], strict=True)))


def _read_labels(path: Path) -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """The names of the classes, or none and the range of a regression."""
    wanted = '{"names": [...]}, or {"names": [], "range": [lowest, highest]} for a regression'
    if not path.is_file():
        raise TaskError(f"{path.parent}: no {path.name}; a task has {_LABELS}, {_TRAIN} and {_VALIDATION}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names, limits = found["names"], found.get("range")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TaskError(f"{path} is not {wanted}") from error
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise TaskError(f"{path}: names is not a list of texts; wanted is {wanted}")
    if not names:
        if not (isinstance(limits, list) and len(limits) == 2 and all(map(is_number, limits))):
            raise TaskError(f"{path}: without names, range must be two numbers, not {limits!r}")
        if not limits[0] < limits[1]:
            raise TaskError(f"{path}: the range is empty, from {limits[0]} to {limits[1]}")
        return (), (float(limits[0]), float(limits[1]))
    if limits is not None:
        raise TaskError(f"{path} has names and a range: give names alone, or a range and no names for a regression")
    if len(names) < 2 or len(set(names)) < len(names):
        raise TaskError(f"{path}: classes are two or more different names, not {names}")
    return tuple(names), None


def _read_rows(path: Path, classes: int, limits: tuple[float, float] | None) -> Dataset:
    first = next((row for _, row in _objects(path)), {})
    texts = next((pair for pair in PAIRS if pair[0] in first), ("sentence",))
    columns, place = _read(path, (*texts, "label"))
    return task_rows(columns, classes, limits, place)


def _read(path: Path, wanted: tuple[str, ...]) -> tuple[dict[str, list[Any]], Callable[[int], str]]:
    """These columns of a file, and where each row stands."""
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    places = []
    for place, row in _objects(path):
        check_columns(list(row), wanted, place)
        for name in wanted:
            columns[name].append(row[name])
        places.append(place)
    if not places:
        raise TaskError(f"{path}: no rows; one is needed at least")
    return columns, places.__getitem__


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a file, one a line, and where they stand."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{path}, line {number}"
                    try:
                        row = json.loads(line)
                    except json.JSONDecodeError as error:
                        raise TaskError(f"{place}: not JSON ({error}); each line is a JSON object") from error
                    if not isinstance(row, dict):
                        raise TaskError(f"{place}: not a JSON object but {line.strip()[:40]}")
                    yield place, row
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except OSError as error:
        raise TaskError(str(error)) from error
