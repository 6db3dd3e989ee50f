"""Which columns of a data set hold its texts and its labels: those that are asked for, or known by their names."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..model.excerpts import excerpt, shortened
from .data_options import TaskDataOptions
from .glue import PAIRS
from .squad import COLUMNS
from .task import TaskError

TEXTS = (
    *PAIRS, ("text", "text_pair"), ("text",), ("sentence",), ("review",), ("comment",), ("content",), ("document",),
    ("message",), ("tweet",), ("title",),
)  # fmt: skip
"""Columns of texts, and of pairs; where a data set has several of them, the first."""
WORDS = ("tokens", "words")
"""Columns of lists of words, which go with columns of lists of tags."""
LABELS = ("label", "labels", "class", "category", "target", "sentiment", "rating", "score")
TAGS = ("ner_tags", "tags", "pos_tags", "upos", "labels", "label")


@dataclass(frozen=True)
class TaskColumns:
    """The columns of a task.

    Args:
        texts: of texts or of words; the two of a pair.
        label: of labels, numbers or tags.
    """

    texts: tuple[str, ...]
    label: str

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, the labels last."""
        return (*self.texts, self.label)


def asks_questions(names: Sequence[str], options: TaskDataOptions) -> bool:
    """Whether a data set has SQuAD's columns (the id may be missing), and no others are asked for."""
    return set(COLUMNS) - {"id"} <= set(names) and not options.text_column and options.label_column is None


def find_columns(names: Sequence[str], options: TaskDataOptions, place: str) -> TaskColumns:
    """The columns of a data set's texts and labels.

    Args:
        names: of all of its columns.
        options: those that are asked for.
        place: the data set, for messages.

    Raises:
        TaskError: if one that is asked for is missing, or none is known.
    """
    known = shortened(", ".join(names) or "none", 200)
    asked = options.label_column
    for flag, name in [("--text-column", name) for name in options.text_column] + [("--label-column", asked)]:
        if name is not None and name not in names:
            raise TaskError(f"{place}: {flag} {excerpt(name)} is none of its columns, which are {known}")
    texts = tuple(options.text_column)
    if len(set(texts)) < len(texts) or asked in texts:
        raise TaskError(f"{place}: a column is given twice, {', '.join((*texts, asked or ''))}; give each once")
    words = next((name for name in WORDS if name in names), None)
    tagged = words is not None and (asked in TAGS if asked else any(name in names for name in TAGS))
    if not texts:
        texts = (words,) if words and tagged else next((each for each in TEXTS if set(each) <= set(names)), ())
        texts = texts or ((words,) if words else ())
    if not texts:
        raise TaskError(
            f"{place}: no column of texts is known by its name, its columns are {known}; give --text-column"
        )
    usual = (*TAGS, *LABELS) if texts[0] in WORDS else (*LABELS, *TAGS)
    label = asked or next((name for name in usual if name in names and name not in texts), None)
    if label is None:
        raise TaskError(f"{place}: no column of labels is known by its name, its columns are {known}; give "
                        "--label-column")  # fmt: skip
    return TaskColumns(texts, label)
