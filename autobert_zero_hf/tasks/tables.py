"""Data sets as tables, one a split: files, folders of files, what `save_to_disk` wrote, data sets of the Hub.

A row is known by its place, for messages: the line of a file of text, or else its number, counted from 0 as `datasets`
counts rows.
"""

import csv
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import pyarrow
import pyarrow.parquet
from datasets import ClassLabel, Dataset, DatasetDict, load_dataset, load_from_disk

from ..errors import explain_refusal
from ..model.excerpts import excerpt, shortened
from ..reading import ReadingError, decode, parse_json_mended
from .files import object_of_line, warn_of_mended
from .task import TaskError

logger = logging.getLogger(__name__)

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_SPLITS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
"""The names that splits have, and which of the three each means."""
_OF_DISK = ("dataset_dict.json", "state.json")
"""Files that `save_to_disk` writes, of several splits and of one."""


@dataclass(frozen=True)
class Table:
    """The rows of a split.

    Args:
        columns: the values of each column, by its name.
        place: where a row stands, for messages.
        classes: the names of the classes, of columns that hold their numbers.
        faults: what is wrong with rows that are none, by their numbers.
    """

    columns: Mapping[str, Sequence[Any]]
    place: Callable[[int], str]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def values(self, column: str) -> list[Any]:
        """The values of a column, one a row."""
        return list(self.columns[column][:])


def is_table_file(path: Path) -> bool:
    """Whether a file's name ends as that of a table that can be read."""
    return path.suffix.lower() in _READERS


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in _OF_DISK)


def has_splits(folder: Path) -> bool:
    """Whether files of tables, by the names of splits, lie in a folder."""
    return bool(_split_files(folder))


def read_splits(data: Path | Dataset | DatasetDict, config: str | None = None) -> dict[str, Table]:
    """The splits `train`, `validation` and `test` of a data set, as far as it has them.

    Args:
        data: a file of a table, a folder, the name of a data set of the Hub, or the data set itself.
        config: the configuration of one of the Hub.

    Returns:
        `train` always; a data set of one split, whatever its name, is that.

    Raises:
        TaskError: if it cannot be read, has several splits and none to train on, or none has a row.
    """
    source = str(data) if isinstance(data, Path) else "the data set"
    tables = _read(data, config)
    found: dict[str, Table] = {}
    for name, table in tables.items() if len(tables) > 1 else ((TRAIN, table) for table in tables.values()):
        if (split := _SPLITS.get(name.lower())) is None:
            logger.warning("%s: the split %s is not used", source, name)
        elif split in found:
            raise TaskError(f"{source}: there are several splits to take as {split}, {name} for one; leave one")
        else:
            found[split] = table
    if TRAIN not in found:
        there = shortened(", ".join(tables), 200)
        raise TaskError(f"{source}: there is no split {TRAIN}; its splits are {there or 'none'}")
    for split, table in found.items():
        if not len(table):
            raise TaskError(f"{source}: no rows in {split}; one is needed at least")
    return found


def _read(data: Path | Dataset | DatasetDict, config: str | None) -> dict[str, Table]:
    if isinstance(data, Dataset):
        return {TRAIN: _table(data, "the data set")}
    if isinstance(data, DatasetDict):
        return {split: _table(rows, f"the data set, {split}") for split, rows in data.items()}
    if data.is_file():
        return {TRAIN: _read_file(data)}
    if data.is_dir():
        files = _split_files(data)
        if files and not is_saved_dataset(data):
            if len({path.stem for path in files}) < len(files):
                names = ", ".join(path.name for path in files)
                raise TaskError(f"{data}: several files are one split ({names}); leave one of each")
            return {path.stem: _read_file(path) for path in files}
    elif is_table_file(data) or data.is_absolute():  # nothing that the Hub could have
        raise TaskError(f"{data}: no such file or folder; check how it is spelt")
    try:
        loaded = load_from_disk(str(data)) if is_saved_dataset(data) else load_dataset(str(data), config)
    except Exception as error:  # the loaders of `datasets` raise nearly anything
        cause = error.__cause__ or error
        said = shortened(" ".join(str(cause).split()), 200).rstrip(".") or type(cause).__name__
        what = "it cannot be loaded" if data.exists() else "no such file or folder, nor can the Hub's be loaded"
        raise TaskError(f"{data}: {what}: {said}; {_WANTED}") from error
    if isinstance(loaded, Dataset):
        return {TRAIN: _table(loaded, str(data))}
    return {split: _table(rows, f"{data}, {split}") for split, rows in loaded.items()}


def _split_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_table_file(path) and path.stem.lower() in _SPLITS)


def _table(rows: Dataset, source: str) -> Table:
    rows = rows.with_format(None)  # as plain data, whatever it is set to
    # Of a list, the feature of its elements.
    features = {name: getattr(feature, "feature", feature) for name, feature in rows.features.items()}
    classes = {name: tuple(feature.names) for name, feature in features.items() if isinstance(feature, ClassLabel)}
    return Table({name: rows[name] for name in rows.column_names}, lambda number: f"{source}, row {number}", classes)


def _read_file(path: Path) -> Table:
    if not is_table_file(path):
        raise TaskError(f"{path}: the name of a file says what it is, and {path.suffix or 'no ending'!r} is not known; "
                        f"{_WANTED}")  # fmt: skip
    try:
        return _READERS[path.suffix.lower()](path)
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    except csv.Error as error:
        raise TaskError(f"{path}: not a table of separated values ({error})") from error
    except pyarrow.ArrowInvalid as error:
        said = str(error).split("\n")[0]
        raise TaskError(f"{path}: not a Parquet file ({said})") from error
    except OSError as error:
        raise TaskError(explain_refusal(error)) from error


def _read_separated(path: Path) -> Table:
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the 128 KiB of a field that Python takes
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, delimiter=_delimiter(path, lines))
        names = next(reader, [])
        if len(set(names)) < len(names):
            raise TaskError(f"{path}: two columns have the same name in its first line, {excerpt(names)}; rename one")
        columns: dict[str, list[str | None]] = {name: [] for name in names}
        numbers: list[int] = []
        faults: dict[int, str] = {}
        begin = reader.line_num + 1
        for row in reader:
            if row:  # not an empty line
                if len(row) != len(names):
                    faults[len(numbers)] = f"{len(row)} fields, where the first line names {len(names)} columns"
                numbers.append(begin)
                for place, name in enumerate(names):
                    # A table has nothing else to say that a value is missing.
                    columns[name].append((row[place] or None) if place < len(row) else None)
            begin = reader.line_num + 1
    return Table(columns, lambda number: f"{path}, line {numbers[number]}", faults=faults)


def _delimiter(path: Path, lines: TextIO) -> str:
    """A tabulator in a file .tsv; else what the first line has most of, the comma if it has nothing."""
    first = lines.readline()
    lines.seek(0)
    return "\t" if path.suffix.lower() == ".tsv" else max((",", ";", "\t"), key=first.count)


def _read_json(path: Path) -> Table:
    def place(number: int) -> str:
        return f"{path}, row {number}"

    try:
        found, _ = parse_json_mended(decode(path.read_bytes()))
    except ReadingError:
        return _read_json_lines(path)  # which says what is wrong, and in which line
    if isinstance(found, dict):
        lists = {name: value for name, value in found.items() if isinstance(value, list)}
        if len(lists) > 1 and len(set(map(len, lists.values()))) == 1:
            return Table(lists, place)
        # Exports wrap their rows: {"data": [...]}.
        found = next(iter(lists.values()), found)
    if not (isinstance(found, list) and all(isinstance(row, dict) for row in found)):
        raise TaskError(f"{path}: not a list of JSON objects, one a row, but {excerpt(found)}")
    return _of_objects(found, place)


def _read_json_lines(path: Path) -> Table:
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    mended: list[str] = []
    faults: dict[int, str] = {}
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                place = f"{path}, line {number}"
                row: dict[str, Any] = {}
                was_mended = False
                try:
                    row, was_mended = object_of_line(line)
                except ReadingError as error:
                    faults[len(rows)] = str(error)
                rows.append(row)
                places.append(place)
                mended += [place] * was_mended
    if rows and len(faults) == len(rows):
        raise TaskError(f"{places[0]}: {faults[0]}")
    warn_of_mended(path, mended)
    return _of_objects(rows, places.__getitem__, faults)


def _of_objects(
    rows: Sequence[Mapping[str, Any]],
    place: Callable[[int], str],
    faults: Mapping[int, str] = MappingProxyType({}),
) -> Table:
    names = dict.fromkeys(name for row in rows for name in row)
    return Table({name: [row.get(name) for row in rows] for name in names}, place, faults=faults)


def _read_parquet(path: Path) -> Table:
    return _table(Dataset(pyarrow.parquet.read_table(path)), str(path))


_READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_separated,
    ".tsv": _read_separated,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
_WANTED = (
    f"wanted is a file {', '.join(_READERS)}, a folder of them named by splits (train.csv), one of save_to_disk, or a "
    "data set's name on the Hub, with its --data-config if it has several"
)
