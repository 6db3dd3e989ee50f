"""Questions whose answer is a part of a text, or that have none: SQuAD v1.1 and v2.0, and rows of their columns."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from datasets import Dataset

from ..model.excerpts import excerpt
from .squad_metrics import AnswerScore, Squad, SquadV2
from .task import TaskError

logger = logging.getLogger(__name__)

COLUMNS = ("id", "context", "question", "answers")

Columns = tuple[Mapping[str, Sequence[Any]], Callable[[int], str]]
"""Columns of rows, and where a row stands, for messages."""


@dataclass(frozen=True)
class SpanTask:
    """Questions about texts: columns `id`, `context`, `question`, `answers`, the texts, and `starts`, their places.

    Args:
        name: what the task is asked for by.
        train: the rows to train on, by the first of their answers.
        validation: the rows to score on, by the best of their answers.
        dataset: where it is from: a data set of the Hub and its configuration; none for local files.
        reading: how the rows were read, for `result.json`.
    """

    name: str
    train: Dataset
    validation: Dataset
    dataset: tuple[str, str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> dict[str, Any]:
        """The fields of a model's configuration that follow from the task: outputs for starts and for ends."""
        return {"num_labels": 2}

    @property
    def facts(self) -> dict[str, Any]:
        """What a result says of the task besides."""
        return {}

    @cached_property
    def has_unanswerable(self) -> bool:
        """Whether there are questions without an answer, as in v2.0."""
        return any(not all(rows["answers"][:]) for rows in (self.train, self.validation))

    @property
    def metric(self) -> Squad:
        """What the task is scored by."""
        return SquadV2() if self.has_unanswerable else Squad()

    @cached_property
    def constant(self) -> str:
        """What to answer without reading: the training rows' most frequent answer, empty where that is none."""
        answers = self.train["answers"][:]
        return Counter(texts[0] if texts else "" for texts in answers).most_common(1)[0][0]

    @property
    def constant_answer(self) -> str:
        """What `constant` is, in words."""
        return f"always {self.constant!r}" if self.constant else "never an answer"

    @property
    def baseline(self) -> float:
        """The score of always answering `constant`."""
        return self.score(dict.fromkeys(self.validation["id"][:], self.constant)).value

    def score(self, predictions: Mapping[str, str]) -> AnswerScore:
        """How good answers are, by SQuAD's scores.

        Args:
            predictions: a text for the id of each validation row; empty for no answer.
        """
        answers = dict(zip(self.validation["id"][:], self.validation["answers"][:], strict=True))
        return AnswerScore(self.metric, predictions, answers)


def span_task(
    name: str,
    train: Columns,
    validation: Columns,
    dataset: tuple[str, str] | None = None,
    reading: Mapping[str, Any] = MappingProxyType({}),
) -> SpanTask:
    """A task of rows as SQuAD has them; each is looked at.

    Args:
        name: of the task.
        train: the rows to train on.
        validation: the rows to score on.
        dataset: the data set of the Hub that they are from, and its configuration.
        reading: how they were read.

    Raises:
        TaskError: at the first text that is none, answer that is not where it is said to be, or id that is there twice.
    """
    return SpanTask(name, _rows(*train), _rows(*validation), dataset, reading)


def faults_of(columns: Mapping[str, Sequence[Any]], place: Callable[[int], str]) -> Iterator[tuple[int, TaskError]]:
    """The rows that are not as SQuAD has them, by their numbers, and what is wrong with each.

    Those that have nothing to ask or to read are not among them: `span_task` leaves them out.

    Args:
        columns: of SQuAD.
        place: where a row stands, for messages.
    """
    seen: dict[str, int] = {}
    for number, row in enumerate(zip(*(columns[name] for name in COLUMNS), strict=True)):
        name, context, question, answers = row
        try:
            for column, text in zip(COLUMNS[:3], row, strict=False):
                if not isinstance(text, str) or (column == "id" and not text.strip()):
                    raise TaskError(f"{place(number)}: {column} is not a text but {excerpt(text)}")
            if context.strip() and question.strip():
                if (first := seen.setdefault(name, number)) != number:
                    other = f"({place(first)})"
                    raise TaskError(f"{place(number)}: the id {excerpt(name)} is that of another question, too {other}")
                _answers(answers, context, place, number)
        except TaskError as error:
            yield number, error


def _rows(columns: Mapping[str, Sequence[Any]], place: Callable[[int], str]) -> Dataset:
    for _, error in faults_of(columns, place):
        raise error
    columns, place = _without_empty(columns, place)
    answers = [
        _answers(answers, context, place, number)
        for number, (answers, context) in enumerate(zip(columns["answers"], columns["context"], strict=True))
    ]
    texts, starts = ([each[part] for each in answers] for part in (0, 1))
    kept = {column: list(columns[column]) for column in ("id", "context", "question")}
    return Dataset.from_dict({**kept, "answers": texts, "starts": starts})


def _without_empty(columns: Mapping[str, Sequence[Any]], place: Callable[[int], str]) -> Columns:
    """Without the rows that have nothing to ask or to read; a warning says how many there were."""
    empty: list[int] = []
    kept: list[int] = []
    for number, texts in enumerate(zip(columns["context"], columns["question"], strict=True)):
        (kept if all(text.strip() for text in texts) else empty).append(number)
    if not empty:
        return columns, place
    if not kept:
        raise TaskError(f"{place(0)}: context or question is empty, here and in every row; one must have both")
    logger.warning(
        "%s: context or question is empty; %s of %s rows are so, and left out",
        place(empty[0]),
        f"{len(empty):,}",
        f"{len(empty) + len(kept):,}",
    )
    return {name: [column[number] for number in kept] for name, column in columns.items()}, lambda n: place(kept[n])


def _answers(answers: Any, context: str, place: Callable[[int], str], number: int) -> tuple[list[str], list[int]]:
    """The texts of the answers to a question, and where they begin."""
    texts, starts = (answers.get(part) if isinstance(answers, dict) else None for part in ("text", "answer_start"))
    if not (isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)):
        wanted = '{"text": [...], "answer_start": [...]} of one length'
        raise TaskError(f"{place(number)}: answers is not {wanted}, but {excerpt(answers)}")
    for text, start in zip(texts, starts, strict=True):
        whole = isinstance(start, int) and not isinstance(start, bool) and start >= 0
        if not (isinstance(text, str) and text and whole and context.startswith(text, start)):
            where = f"in the context at {excerpt(start)}, its answer_start"
            raise TaskError(f"{place(number)}: the answer {excerpt(text)} is not {where}")
    return texts, starts
