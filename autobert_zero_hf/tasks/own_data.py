"""Tasks out of anybody's data: whatever `datasets` reads, its columns and kind recognised, its rows looked at."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, Features

from ..model.excerpts import excerpt, shortened
from .columns import TaskColumns, asks_questions, find_columns
from .data_options import TaskDataOptions
from .kinds import AnyTask
from .labels import Classes, Labels, are_lists, find_labels, is_missing
from .squad import COLUMNS, SpanTask, faults_of, span_task
from .tables import TEST, TRAIN, VALIDATION, Table, read_splits
from .task import TaskError

logger = logging.getLogger(__name__)

HELD_OUT = 0.1
"""The share of the training rows that is held out where no rows are there to score on."""


def task_from_data(
    data: str | Path | Dataset | DatasetDict,
    name: str | None = None,
    seed: int = 0,
    options: TaskDataOptions | None = None,
) -> AnyTask:
    """A task out of a data set: a table, a folder of them, what `save_to_disk` wrote, a data set of the Hub.

    What is asked for, the labels tell: texts, `ClassLabel` and whole numbers are classes, numbers with fractions a
    regression, lists of labels several labels of a text; lists of words have lists of tags; SQuAD's columns are
    questions. The classes are those of the training rows. Where there are no rows to score on, a tenth of the training
    rows is held out, of each class as many as it has a share, if all have rows enough. A split `test` is scored, too,
    but not chosen by.

    Args:
        data: the data set, or where it lies: a file .csv, .tsv, .json, .jsonl or .parquet, a folder of them by the
            names of their splits, one of `save_to_disk`, or a name on the Hub.
        name: what the task is to be called; by default as the file or folder is.
        seed: of the rows that are held out.
        options: which columns, and what becomes of bad rows.

    Raises:
        TaskError: if it cannot be read, its columns are not known, or a row is bad and is not to be skipped.
    """
    options = options or TaskDataOptions()
    data = Path(data) if isinstance(data, str) else data
    source = str(data) if isinstance(data, Path) else "the data set"
    if name is None and isinstance(data, Path):
        name = data.resolve().stem if data.is_file() else data.resolve().name
    name = name or "data"
    tables = read_splits(data, options.data_config)
    is_on_hub = isinstance(data, Path) and not data.exists()
    dataset = (str(data), options.data_config or "default") if is_on_hub else None
    reader = _Reader(source, options.skip_bad_rows, seed, {} if is_on_hub else {"data": source})
    if asks_questions(list(tables[TRAIN].columns), options):
        return reader.questions(name, tables, dataset)
    columns = find_columns(list(tables[TRAIN].columns), options, source)
    return reader.labelled(name, tables, columns, dataset)


class _Reader:
    """Reads the rows of one data set, and writes down how.

    Args:
        source: the data set, for messages.
        skips: whether bad rows are left out.
        seed: of the rows that are held out.
        reading: what is known of the data set, for `result.json`; more is added.
    """

    def __init__(self, source: str, skips: bool, seed: int, reading: dict[str, Any]):
        self.source = source
        self.skips = skips
        self.seed = seed
        self.reading = reading

    def questions(self, name: str, tables: Mapping[str, Table], dataset: tuple[str, str] | None) -> SpanTask:
        """The task of a data set of SQuAD's columns."""
        if TEST in tables:
            logger.warning("%s: the split %s is not used; questions are scored on one split", self.source, TEST)
        found = {split: self._questions(tables[split], split) for split in (TRAIN, VALIDATION) if split in tables}
        if VALIDATION not in found:
            columns, place = found[TRAIN]
            kept, held_out = self._held_out(len(columns["id"]))
            found = {TRAIN: _selected(columns, place, kept), VALIDATION: _selected(columns, place, held_out)}
        return span_task(name, found[TRAIN], found[VALIDATION], dataset, self.reading)

    def _questions(self, table: Table, split: str) -> tuple[dict[str, list[Any]], Callable[[int], str]]:
        for column in COLUMNS[1:]:
            self._check_column(table, column, split)
        columns: dict[str, list[Any]] = {column: table.values(column) for column in COLUMNS[1:]}
        for column in ("context", "question"):
            # What is missing is empty, and left out as that is.
            columns[column] = ["" if text is None else text for text in columns[column]]
        ids = table.values("id") if "id" in table.columns else range(len(table))
        columns["id"] = [None if is_missing(name) else str(name) for name in ids]
        bad = {number: f"{table.place(number)}: {said}" for number, said in table.faults.items()}
        bad |= {number: str(error) for number, error in faults_of(columns, table.place) if number not in bad}
        good = self._left(bad, len(table), split)
        return _selected(columns, table.place, good)

    def labelled(
        self, name: str, tables: Mapping[str, Table], columns: TaskColumns, dataset: tuple[str, str] | None
    ) -> AnyTask:
        """The task of a data set of texts, or words, and labels."""
        tables = dict(tables)
        if TEST in tables and not _has_labels(tables[TEST], columns.label):
            del tables[TEST]
            logger.warning("%s: the split %s has no labels, and is not scored", self.source, TEST)
        train = tables[TRAIN]
        names = train.classes.get(columns.label)
        for split, table in tables.items():
            for column in columns.all:
                self._check_column(table, column, split)
            if table.classes.get(columns.label) != names:
                raise TaskError(
                    f"{self.source}: column {columns.label!r} of {split} has other classes than that of {TRAIN}, or in "
                    "another order; make them one ClassLabel"
                )
        has_words = are_lists(train.values(columns.texts[0]))
        if has_words and len(columns.texts) > 1:
            both = " and ".join(columns.texts)
            raise TaskError(f"{self.source}: {both} hold words; give one --text-column for words")
        label_column = f"{self.source}: column {columns.label!r}"
        labels = find_labels(train.values(columns.label), names, label_column, has_words)
        self.reading |= {"text_columns": list(columns.texts), "label_column": columns.label}
        read = _read_words if has_words else _read_texts
        features = labels.features(len(columns.texts))
        parts = {split: self._rows(table, columns, read, labels, features, split) for split, table in tables.items()}
        if VALIDATION not in parts:
            rows = parts[TRAIN]
            kept, held_out = self._held_out(len(rows), rows["label"][:] if isinstance(labels, Classes) else None)
            parts |= {TRAIN: rows.select(kept), VALIDATION: rows.select(held_out)}
        further = {f"{name}_{TEST}": parts[TEST]} if TEST in parts else {}
        more = {"further": further, "dataset": dataset, "reading": self.reading}
        return labels.task(name, parts[TRAIN], parts[VALIDATION], **more)

    def _check_column(self, table: Table, column: str, split: str) -> None:
        if column not in table.columns:
            there = shortened(", ".join(table.columns), 200)
            raise TaskError(f"{self.source}: {split} has no column {column!r}, as {TRAIN} has; its columns are {there}")

    def _rows(
        self, table: Table, columns: TaskColumns, read: "_ReadRow", labels: Labels, features: Features, split: str
    ) -> Dataset:
        found, bad = [], {}
        for number, values in enumerate(zip(*map(table.values, columns.all), strict=True)):
            try:
                if number in table.faults:
                    raise ValueError(table.faults[number])
                found.append(read(columns, values, labels))
            except ValueError as error:
                bad[number] = f"{table.place(number)}: {error}"
        self._left(bad, len(table), split)
        by_column = map(list, zip(*found, strict=True))
        return Dataset.from_dict(dict(zip(features, by_column, strict=True)), features=features)

    def _left(self, bad: Mapping[int, str], rows: int, split: str) -> list[int]:
        """The rows that are not bad; refuses bad ones, unless they are to be skipped."""
        if bad:
            said = next(iter(bad.values()))
            if not self.skips:
                count = f" (the first of {len(bad):,} bad rows of {split})" if len(bad) > 1 else ""
                raise TaskError(f"{said}{count}; mend it, or leave such rows out by --skip-bad-rows")
            if len(bad) == rows:
                raise TaskError(f"{said}, and every row of {split} is bad, too: none is left")
            logger.warning("%s of %s rows of %s are bad and skipped, the first: %s", len(bad), rows, split, said)
            self.reading.setdefault("skipped_rows", {})[split] = len(bad)
        return [number for number in range(rows) if number not in bad]

    def _held_out(self, rows: int, classes: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """The rows to train on, and a tenth to score on, of each class as many as it has a share, if that can be."""
        count = max(2, round(HELD_OUT * rows))
        if rows < 2 + count:
            raise TaskError(
                f"{self.source}: {rows} rows are too few to hold some out to score on; give four at least, or a split "
                f"{VALIDATION}"
            )
        places = Dataset.from_dict({"row": range(rows)})
        how: dict[str, Any] = {"test_size": count, "seed": self.seed}
        try:
            if classes is not None:
                kind = ClassLabel(num_classes=max(classes) + 1)
                strata = places.add_column("class", list(classes), feature=kind)
                parts = strata.train_test_split(stratify_by_column="class", **how)
            else:
                parts = places.train_test_split(**how)
        except ValueError:  # a class has a single row, or there are more classes than rows that are held out
            parts = places.train_test_split(**how)
        logger.warning(
            "%s: there is no split %s: %s of %s rows are held out to score on, drawn by the seed",
            self.source,
            VALIDATION,
            f"{count:,}",
            f"{rows:,}",
        )
        self.reading["held_out_of_train"] = count
        return parts["train"]["row"][:], parts["test"]["row"][:]


def _selected(
    columns: Mapping[str, Sequence[Any]], place: Callable[[int], str], rows: Sequence[int]
) -> tuple[dict[str, list[Any]], Callable[[int], str]]:
    return {name: [values[row] for row in rows] for name, values in columns.items()}, lambda number: place(rows[number])


def _has_labels(table: Table, column: str) -> bool:
    """Whether the answers are public: the tests of competitions have none, or -1 for each."""
    return column in table.columns and not all(is_missing(each) or each == -1 for each in table.values(column))


_ReadRow = Callable[[TaskColumns, Sequence[Any], Labels], tuple[Any, ...]]


def _read_texts(columns: TaskColumns, values: Sequence[Any], labels: Labels) -> tuple[Any, ...]:
    for column, text in zip(columns.texts, values, strict=False):
        if not isinstance(text, str):
            raise ValueError(f"{column} is {'missing' if is_missing(text) else f'not a text but {excerpt(text)}'}")
    return (*values[:-1], labels.encode(values[-1]))


def _read_words(columns: TaskColumns, values: Sequence[Any], labels: Labels) -> tuple[Any, ...]:
    words, tags = values[0], labels.encode(values[-1])
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{columns.texts[0]} is not a list of words but {excerpt(words)}")
    if len(words) != len(tags):
        raise ValueError(f"{len(words)} words ({columns.texts[0]}) and {len(tags)} tags ({columns.label}): each word "
                         "has one")  # fmt: skip
    return words, tags
