"""Tasks as folders of files: JSON objects, one a line, and the names of the classes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..errors import explain_refusal
from ..model.excerpts import excerpt, shortened
from ..reading import ReadingError, decode, parse_json_mended
from .glue import GLUE, PAIRS
from .squad import COLUMNS, SpanTask, span_task
from .task import Task, TaskError, check_columns, is_number, task_rows

logger = logging.getLogger(__name__)

LABELS = "labels.json"
_TRAIN, _VALIDATION = "train.jsonl", "validation.jsonl"
_TEXTS = (*PAIRS, ("sentence",), ("text", "text_pair"), ("text",))
"""The columns of texts that are known; where a row has several of them, the first."""
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
        raise TaskError(f"unknown task {excerpt(name)}: in {folder} there is {shortened(there, 400)}")
    validation = place / _VALIDATION
    if not validation.exists() and (place / _MATCHED).exists():
        validation = place / _MATCHED
    if missing := [path.name for path in (place / _TRAIN, validation) if not path.is_file()]:
        raise TaskError(f"{place}: no {', '.join(missing)}; a task has {LABELS}, {_TRAIN} and {_VALIDATION}")
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
    return next((bool({"context", "answers"} & set(row)) for _, row, _ in objects_of_lines(path)), False)


def _classification(name: str, place: Path, validation: Path) -> Task:
    known = GLUE.get(place.name)
    if (place / LABELS).exists() or known is None:
        labels, limits = _read_labels(place / LABELS)
    else:
        labels, limits = known.labels, known.label_range
    further = {f"{name}_mismatched": place / _MISMATCHED} if (place / _MISMATCHED).exists() else {}
    rows = [_read_rows(path, labels, limits) for path in (place / _TRAIN, validation, *further.values())]
    if len({tuple(each.column_names) for each in rows}) > 1:
        raise TaskError(f"{place}: one file has single texts, the other pairs, sentence1 and sentence2, say")
    return Task(name, rows[0], rows[1], labels, limits, dict(zip(further, rows[2:], strict=True)))


def _read_labels(path: Path) -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """The names of the classes, or none and the range of a regression."""
    wanted = '{"names": [...]}, or {"names": [], "range": [lowest, highest]} for a regression'
    if not path.is_file():
        raise TaskError(f"{path.parent}: no {path.name}; a task has {LABELS}, {_TRAIN} and {_VALIDATION}")
    try:
        found, _ = parse_json_mended(decode(path.read_bytes()))
    except ReadingError as error:
        raise TaskError(f"{path} is {error}; wanted is {wanted}") from error
    except OSError as error:
        raise TaskError(explain_refusal(error)) from error
    if not (isinstance(found, dict) and "names" in found):
        raise TaskError(f"{path} is not {wanted}, but {excerpt(found)}")
    names, limits = found["names"], found.get("range")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise TaskError(f"{path}: names is not a list of texts, but {excerpt(names)}; wanted is {wanted}")
    if not names:
        if not (isinstance(limits, list) and len(limits) == 2 and all(map(is_number, limits))):
            raise TaskError(f"{path}: without names, range must be two numbers, not {excerpt(limits)}")
        if not limits[0] < limits[1]:
            raise TaskError(f"{path}: the range is empty, from {limits[0]} to {limits[1]}")
        return (), (float(limits[0]), float(limits[1]))
    if limits is not None:
        raise TaskError(f"{path} has names and a range: give names alone, or a range and no names for a regression")
    if len(names) < 2 or len(set(names)) < len(names):
        raise TaskError(f"{path}: classes are two or more different names, not {excerpt(names)}")
    return tuple(names), None


def _read_rows(path: Path, labels: Sequence[str], limits: tuple[float, float] | None) -> Dataset:
    first = next((row for _, row, _ in objects_of_lines(path)), {})
    whole = [each for each in _TEXTS if set(each) <= set(first)]
    # A pair that lacks its second text is told so.
    begun = [pair for pair in PAIRS if pair[0] in first]
    texts = (whole or begun or [("sentence",)])[0]
    columns, place = _read(path, (*texts, "label"))
    return task_rows(columns, labels, limits, place)


def _read(path: Path, wanted: tuple[str, ...]) -> tuple[dict[str, list[Any]], Callable[[int], str]]:
    """These columns of a file, and where each row stands."""
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    places: list[str] = []
    mended: list[str] = []
    for place, row, was_mended in objects_of_lines(path):
        check_columns(list(row), wanted, place)
        for name in wanted:
            columns[name].append(row[name])
        places.append(place)
        mended += [place] * was_mended
    if not places:
        raise TaskError(f"{path}: no rows; one is needed at least")
    warn_of_mended(path, mended)
    return columns, places.__getitem__


def warn_of_mended(path: Path, places: Sequence[str]) -> None:
    """Say that rows of a file had to be mended, if any had: where each of them stands is given."""
    if places:
        logger.warning(
            "%s: %s rows hold half of a character, a lone surrogate as of an emoji that was cut in two; U+FFFD stands "
            "in its place (the first: %s)",
            path,
            f"{len(places):,}",
            places[0],
        )


def objects_of_lines(path: Path) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Reads the JSON objects of a file, one a line.

    Args:
        path: of the file; lines of white space are left out.

    Returns:
        Of each object where it stands, for messages, what it holds, and whether that had to be mended.

    Raises:
        TaskError: if it cannot be read, or a line is something else.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{path}, line {number}"
                    try:
                        row, was_mended = object_of_line(line)
                    except ReadingError as error:
                        raise TaskError(f"{place}: {error}") from error
                    yield place, row, was_mended
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except OSError as error:
        raise TaskError(explain_refusal(error)) from error


def object_of_line(line: str) -> tuple[dict[str, Any], bool]:
    """The JSON object of a line, and whether it had to be mended.

    Raises:
        ReadingError: if it is something else.
    """
    try:
        row, was_mended = parse_json_mended(line)
    except ReadingError as error:
        raise ReadingError(f"{error}; each line is a JSON object") from error
    if not isinstance(row, dict):
        raise ReadingError(f"not a JSON object but {shortened(line.strip(), 40)}")
    return row, was_mended
