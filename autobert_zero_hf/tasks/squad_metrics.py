"""SQuAD's metrics, v1.1 (arXiv 1606.05250) and v2.0 (arXiv 1806.03822), and the standard errors of its scores.

Both are computed as the official evaluation scripts compute them, in parts of 1 where these give percent. They are
`evaluate`'s kind of metric, but part of this package: nothing is loaded from the Hub.

Shapes: Q questions.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import datasets
import evaluate
import numpy as np
from numpy.typing import NDArray

from ..standard_error import if_known

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """An answer as answers are compared: in lower case, without punctuation, articles and needless white space.

    Examples:

    ```python
    >>> normalise("The  U.S. -- and a Mars!")
    'us and mars'

    ```"""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _overlap(prediction: Sequence[str], answer: Sequence[str]) -> float:
    """The F1 of the words of two answers, each word as often as it is in both."""
    same = sum((Counter(prediction) & Counter(answer)).values())
    return 2 * same / (len(prediction) + len(answer)) if same else 0.0


class Squad(evaluate.Metric):
    """SQuAD v1.1: exact match, and the F1 of words, each with the answer that it is highest with.

    `compute(predictions=..., references=...)` gives a dictionary of numbers; predictions have `id` and
    `prediction_text`, references `id` and `answers`, with `text` and `answer_start`, as the data set has them.
    """

    description: ClassVar[str] = "Exact match and F1 of answers, as SQuAD v1.1 has them, in parts of 1."
    citation: ClassVar[str] = "arXiv 1606.05250"
    primary: ClassVar[str] = "F1 of words"

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        answers = {"text": datasets.List(text), "answer_start": datasets.List(datasets.Value("int32"))}
        return evaluate.MetricInfo(
            description=self.description,
            citation=self.citation,
            inputs_description="Args: predictions with id and prediction_text; references with id and answers.",
            features=datasets.Features(
                {"predictions": {"id": text, "prediction_text": text}, "references": {"id": text, "answers": answers}}
            ),
        )

    def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        given = {row["id"]: row["prediction_text"] for row in predictions}
        wanted = {row["id"]: row["answers"]["text"] for row in references}
        if missing := set(wanted) - set(given):
            raise ValueError(f"{len(missing)} questions have no prediction, {min(missing)} for one")
        return AnswerScore(self, given, wanted).values

    def scores(self, prediction: str, answers: Sequence[str]) -> tuple[float, float]:
        """Exact match and F1 of a prediction.

        Args:
            prediction: the text; empty for no answer.
            answers: what is right; one at least.
        """
        return max(self.exact_match(prediction, answer) for answer in answers), max(
            self.f1(prediction, answer) for answer in answers
        )

    def exact_match(self, prediction: str, answer: str) -> float:
        """1 if both are the same once they are normalised, else 0."""
        return float(normalise(prediction) == normalise(answer))

    def f1(self, prediction: str, answer: str) -> float:
        """The F1 of the words of two answers; without a word 0."""
        return _overlap(normalise(prediction).split(), normalise(answer).split())


class SquadV2(Squad):
    """SQuAD v2.0: the same, where the right prediction for a question without an answer is the empty text."""

    description = "Exact match and F1 of answers, or of there being none, as SQuAD v2.0 has them, in parts of 1."
    citation = "arXiv 1806.03822"

    def scores(self, prediction: str, answers: Sequence[str]) -> tuple[float, float]:
        """Exact match and F1; answers of which nothing is left are none, and no answer is the empty one."""
        return super().scores(prediction, [answer for answer in answers if normalise(answer)] or [""])

    def f1(self, prediction: str, answer: str) -> float:
        """The F1 of the words of two answers; where one has none, whether the other has none, either."""
        one, two = normalise(prediction).split(), normalise(answer).split()
        return _overlap(one, two) if one and two else float(one == two)


@dataclass(frozen=True, eq=False)
class AnswerScore:
    """How well questions are answered, with the error; the primary score is F1.

    Args:
        metric: v1.1's, or v2.0's.
        predictions: a text a question, by its id; others may be there, too.
        answers: what is right, by the same ids.
    """

    metric: Squad
    predictions: Mapping[str, str]
    answers: Mapping[str, Sequence[str]]

    @cached_property
    def each(self) -> NDArray[np.float64]:
        """Exact match and F1 of each question, (Q, 2)."""
        found = [self.metric.scores(self.predictions[name], answers) for name, answers in self.answers.items()]
        return np.array(found, np.float64).reshape(-1, 2)

    @property
    def values(self) -> dict[str, float]:
        """The scores `exact_match` and `f1`."""
        exact, f1 = self.each.mean(axis=0)
        return {"exact_match": float(exact), "f1": float(f1)}

    @property
    def value(self) -> float:
        """The primary score, F1."""
        return self.values["f1"]

    @property
    def standard_error(self) -> float | None:
        """The standard error of `value` over independent questions; None where no two of them differ."""
        return _error_of_mean(self.each[:, 1])

    @property
    def details(self) -> dict[str, float | None]:
        """Both numbers for questions with and without an answer, where there are both; and the error of exact match."""
        found: dict[str, float | None] = {"exact_match_standard_error": _error_of_mean(self.each[:, 0])}
        answered = np.array([any(map(normalise, answers)) for answers in self.answers.values()])
        if answered.any() and not answered.all():
            for name, chosen in (("answerable", answered), ("unanswerable", ~answered)):
                exact, f1 = self.each[chosen].mean(axis=0)
                found |= {f"{name}_exact_match": float(exact), f"{name}_f1": float(f1)}
        return found

    def difference(self, other: "AnswerScore") -> tuple[float, float | None]:
        """self - other and its standard error, both on the same questions (paired); None where these do not tell it.

        Raises:
            ValueError: if they are not of the same questions, or not by the same metric.
        """
        if type(self.metric) is not type(other.metric) or dict(self.answers) != dict(other.answers):
            raise ValueError("the two scores were not measured on the same questions by the same metric")
        differences = self.each[:, 1] - other.each[:, 1]
        return float(differences.mean()), _error_of_mean(differences)


def _error_of_mean(values: NDArray[np.float64]) -> float | None:
    """The jackknife's standard error of a mean has this closed form."""
    return if_known(float(values.std(ddof=1)) / math.sqrt(len(values))) if len(values) > 1 else None


@dataclass(frozen=True)
class Threshold:
    """The score of saying "no answer" from this threshold on, and of nothing else.

    Args:
        threshold: how much likelier than an answer none must be.
        value: the mean over the questions.
    """

    threshold: float
    value: float


def best_threshold(margins: NDArray[Any], answered: NDArray[Any], unanswered: NDArray[Any]) -> Threshold:
    """The threshold that scores highest on these questions, as v2.0's script finds it (`best_f1_thresh`).

    It is found on the rows that it is scored on, and so is at least as high as that of any threshold given before.

    Args:
        margins: how much likelier no answer is than the best answer, (Q,).
        answered: the score if the best answer is given, (Q,).
        unanswered: the score if none is given, (Q,).

    Returns:
        The threshold: no answer is given where the margin exceeds it.
    """
    order = np.argsort(margins, kind="stable")
    gains = np.concatenate([[0.0], np.cumsum((answered - unanswered)[order])])
    ranked = margins[order]
    # A threshold lies between two margins: those that are equal are answered together.
    allowed = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    count = int(np.argmax(np.where(allowed, gains, -np.inf)))
    threshold = float(ranked[count - 1]) if count else float(ranked[0]) - 1.0
    return Threshold(threshold, float((unanswered.sum() + gains[count]) / len(margins)))
