"""What a column of labels holds, known by its values: classes, numbers, several labels of a text, tags of words.

A class's name is its text; whole numbers are names, too, and 0.0, as tables with gaps write it, is 0.
"""

import difflib
import logging
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from datasets import Dataset, Features, List, Value

from ..model.excerpts import excerpt, shortened
from .kinds import AnyTask
from .multi_label import MultiLabelTask
from .task import Task, TaskError, is_number
from .tokens import TokenTask

logger = logging.getLogger(__name__)

_WHOLE = re.compile(r"(-?\d+)\.0+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_MANY = 20


class Labels(ABC):
    """The labels of a data set, of one kind."""

    feature: ClassVar[Any]
    """What a label is in the rows of a task."""

    def features(self, texts: int) -> Features:
        """The columns of the task's rows.

        Args:
            texts: of how many texts; two for pairs.
        """
        return Features({**dict.fromkeys(("text", "text_pair")[:texts], Value("string")), "label": self.feature})

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """A label of the data set as one of a task.

        Raises:
            ValueError: if it is none, with the reason.
        """

    @abstractmethod
    def task(self, name: str, train: Dataset, validation: Dataset, **more: Any) -> AnyTask:
        """The task of such rows.

        Args:
            name: of the task.
            train: the rows to train on.
            validation: the rows to score on.
            more: its `further`, `dataset` and `reading`.
        """


@dataclass(frozen=True)
class Classes(Labels):
    """One of several classes.

    Args:
        names: theirs, in the order of their numbers.
        numbered: whether the data set holds their numbers, not their names.
    """

    names: tuple[str, ...]
    numbered: bool
    feature: ClassVar[Any] = Value("int64")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def encode(self, value: Any) -> int:
        """The place of a class among the names."""
        if is_missing(value):
            raise ValueError("the label is missing")
        if self.numbered:
            if not (is_number(value) and value == int(value) and 0 <= value < len(self.names)):
                raise ValueError(f"label {excerpt(value)} is none of the classes' numbers, 0 to {len(self.names) - 1}")
            return int(value)
        if isinstance(value, list) or (name := name_of(value)) not in self._places:
            raise ValueError(f"label {excerpt(value)} is none of the training rows' labels{self._nearest(value)}")
        return self._places[name]

    def task(self, name: str, train: Dataset, validation: Dataset, **more: Any) -> Task:
        """A classification."""
        return Task(name, train, validation, self.names, **more)

    def _nearest(self, value: Any) -> str:
        near = difflib.get_close_matches(value[:100], self.names, n=1) if isinstance(value, str) else []
        return f"; did you mean {excerpt(near[0])}?" if near else f": {shortened(', '.join(self.names), 100)}"


class Numbers(Labels):
    """A number, for a regression."""

    feature: ClassVar[Any] = Value("float64")

    def encode(self, value: Any) -> float:
        """The number."""
        if is_missing(value):
            raise ValueError("the label is missing")
        if not _is_numeric(value):
            raise ValueError(f"label {excerpt(value)} is not a number, as the others are")
        return float(value)

    def task(self, name: str, train: Dataset, validation: Dataset, **more: Any) -> Task:
        """A regression."""
        numbers = train["label"][:]
        return Task(name, train, validation, (), (min(numbers), max(numbers)), **more)


@dataclass(frozen=True)
class LabelSets(Labels):
    """Several labels of a text, or none.

    Args:
        classes: the labels.
    """

    classes: Classes
    feature: ClassVar[Any] = List(Value("float32"))

    def encode(self, value: Any) -> list[float]:
        """1.0 for each label that is given, in the order of the names, and 0.0 for the others."""
        if not isinstance(value, list):
            raise ValueError(f"label is not a list of labels, as the others are, but {excerpt(value)}")
        places = [self.classes.encode(each) for each in value]
        if len(set(places)) < len(places):
            raise ValueError(f"{excerpt(value)} has a label twice; a list holds the names of a text's labels")
        return [float(place in places) for place in range(len(self.classes.names))]

    def task(self, name: str, train: Dataset, validation: Dataset, **more: Any) -> MultiLabelTask:
        """A task of several labels."""
        return MultiLabelTask(name, train, validation, self.classes.names, **more)


@dataclass(frozen=True)
class Tags(Labels):
    """A tag for each word.

    Args:
        classes: the tags.
    """

    classes: Classes
    feature: ClassVar[Any] = List(Value("int64"))

    def encode(self, value: Any) -> list[int]:
        """The places of the tags among the names."""
        if not isinstance(value, list):
            raise ValueError(f"tags are not a list, but {excerpt(value)}")
        return [self.classes.encode(each) for each in value]

    def features(self, texts: int) -> Features:  # noqa: ARG002  # words are of one column
        """The columns of the task's rows."""
        return Features({"words": List(Value("string")), "tags": self.feature})

    def task(self, name: str, train: Dataset, validation: Dataset, **more: Any) -> TokenTask:
        """A task of tags."""
        if all(map(str.isdecimal, self.classes.names)):
            logger.warning(
                "%s: the tags are numbers without names, and scored by words; entities need names, such as B-PER, or a "
                "ClassLabel",
                name,
            )
        return TokenTask(name, train, validation, self.classes.names, **more)


def is_missing(value: Any) -> bool:
    """Whether a value is none: nothing, not a number, or an empty text."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def are_lists(values: Sequence[Any]) -> bool:
    """Whether most values are lists, so that a bad row is found as one; missing ones do not count."""
    present = [value for value in values if not is_missing(value)]
    return 2 * sum(isinstance(value, list) for value in present) > len(present)


def name_of(value: Any) -> str:
    """The name of a class, of a label that may be a whole number.

    >>> name_of(0.0), name_of("0.0"), name_of(" good "), name_of(True)
    ('0', '0', 'good', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def find_labels(values: Sequence[Any], names: tuple[str, ...] | None, column: str, tags: bool) -> Labels:
    """What a column of labels holds.

    Args:
        values: of the training rows.
        names: of the classes, if the data set has them.
        column: which column it is, for messages.
        tags: whether the texts are lists of words.

    Raises:
        TaskError: if there are no labels, or nothing to tell apart, or nearly every row has another.
    """
    present = [value for value in values if not is_missing(value)]
    if not present:
        raise TaskError(f"{column} has no label in any row; give the column of labels as --label-column")
    in_lists = are_lists(present)
    if tags and not in_lists:
        raise TaskError(f"{column} holds {excerpt(present[0])}, where lists of words need a list of tags; give "
                        "the column of tags as --label-column")  # fmt: skip
    if in_lists:
        each = [label for value in present if isinstance(value, list) for label in value if not is_missing(label)]
        classes = _classes(each, names, len(present), column)
        return Tags(classes) if tags else LabelSets(classes)
    if names is None and _are_measured(present):
        return Numbers()
    return _classes([value for value in present if not isinstance(value, list)], names, len(present), column)


def _are_measured(values: Sequence[Any]) -> bool:
    """Whether most are numbers, and some with a fraction."""
    numbers = [float(value) for value in values if _is_numeric(value)]
    return 2 * len(numbers) > len(values) and not all(number.is_integer() for number in numbers)


def _is_numeric(value: Any) -> bool:
    return is_number(float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value)


def _classes(values: Iterable[Any], names: tuple[str, ...] | None, rows: int, column: str) -> Classes:
    """The classes, in the order of their names; numbers in their own."""
    found = set(names or map(name_of, values))
    if names is None and len(found) > max(_MANY, rows // 2):
        some = shortened(", ".join(map(repr, sorted(found)[:3])), 100)
        raise TaskError(
            f"{column} has {len(found):,} different values in {rows:,} rows, such as {some}: too many for "
            "classes; give the column of labels as --label-column"
        )
    if len(found) < 2:
        raise TaskError(f"{column} is {excerpt(*found) if found else 'empty'} in every row: there is nothing to learn")
    if names is not None:
        return Classes(names, numbered=True)
    in_order = sorted(found)
    if all(re.fullmatch(r"-?\d+", name) for name in found):
        in_order.sort(key=int)
    return Classes(tuple(in_order), numbered=False)
