"""Questions and contexts as sliding windows of tokens, and answers out of a model's outputs for the windows.

As BERT does it for SQuAD (arXiv 1810.04805, sections 4.2 and 4.3): a context that is too long becomes several windows
that overlap; where a window does not hold the answer, the place to mark is [CLS], whose score is that of there being no
answer.

Shapes: W windows, N tokens of the longest window.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from ..data.unknown_tokens import Tokens
from ..errors import AutoBertZeroError
from .encoding import EncodedTask, ScoredRows, unknown_in
from .span_options import SpanOptions
from .squad import SpanTask
from .squad_metrics import AnswerScore, Threshold, best_threshold

_SPECIAL = 3  # [CLS] question [SEP] context [SEP]
_PLACES = ("row", "begins", "ends")


@dataclass(frozen=True)
class Answer:
    """One of the best answers to a question.

    Args:
        text: as it stands in the context; empty for no answer.
        score: the sum of the outputs for its start and its end.
        probability: among the best answers to the question.
    """

    text: str
    score: float
    probability: float


@dataclass(frozen=True, eq=False)
class SpanScore(AnswerScore):
    """What a model's outputs are worth, with the answers themselves.

    Args:
        best: of each question, by its id, the best answers, and none among them where that is possible; best first.
        found_threshold: the best threshold for there being no answer on these questions, where that is possible.
    """

    best: Mapping[str, Sequence[Answer]]
    found_threshold: Threshold | None = None

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """The facts by the id of each question: the prediction, what is right, its scores, and the best answers."""
        return {
            name: {
                "prediction": self.predictions[name],
                "answers": list(answers),
                "exact_match": exact,
                "f1": f1,
                "best": [vars(answer) for answer in self.best[name]],
            }
            for (name, answers), (exact, f1) in zip(self.answers.items(), self.each.tolist(), strict=True)
        }

    @property
    def details(self) -> dict[str, float | None]:
        """Also the best threshold, and its F1, as v2.0's script has them."""
        found = self.found_threshold
        more = {} if found is None else {"best_f1": found.value, "best_f1_threshold": found.threshold}
        return {**super().details, **more}


def encode_spans(
    task: SpanTask, tokenizer: PreTrainedTokenizerBase, max_length: int, options: SpanOptions
) -> EncodedTask:
    """A task of questions as windows of tokens.

    Args:
        task: the task.
        tokenizer: the model's; a fast one that pads on the right.
        max_length: tokens of a window; a third of them at most is the question's.
        options: how windows overlap, and how answers are found.

    Raises:
        AutoBertZeroError: if the tokenizer is of another kind, or the windows would not move on.
    """
    if not tokenizer.is_fast or tokenizer.padding_side != "right":
        raise AutoBertZeroError("questions need a fast tokenizer that pads on the right; this one is not")
    longest_question = max_length // 3
    stride = max_length // 3 if options.doc_stride is None else options.doc_stride
    if stride >= (room := max_length - longest_question - _SPECIAL):
        raise AutoBertZeroError(
            f"--doc-stride {stride}: windows of {max_length} tokens (--max-length) have room for {room} of a context "
            "beside a question, and must share fewer"
        )
    parts, cut = [], 0
    for rows in (task.train, task.validation):
        questions = [_shortened(text, tokenizer, longest_question) for text in rows["question"][:]]
        cut += sum(short != text for short, text in zip(questions, rows["question"][:], strict=True))
        parts.append(_windows(rows, questions, tokenizer, max_length, stride))
    train, validation = parts
    total = len(task.train) + len(task.validation)
    warnings = [f"{cut:,} of {total:,} questions are longer than {longest_question} tokens and are cut off there"]
    warnings = warnings * bool(cut)
    tokens = Tokens.sum(Tokens.of_rows(rows, tokenizer) for rows in parts)
    texts = chain.from_iterable(zip(task.train["question"], task.train["context"], strict=True))
    warnings += unknown_in(tokens, texts, tokenizer)
    decoder = _Decoder(task, validation, options)
    kept = [name for name in validation.column_names if name not in _PLACES]
    scored = ScoredRows(task.name, validation.select_columns(kept), len(task.validation), task.baseline, decoder.score)
    return EncodedTask(train.select_columns(kept), (scored,), tuple(warnings))


def _shortened(question: str, tokenizer: PreTrainedTokenizerBase, tokens: int) -> str:
    """A question of so many tokens at most; leading white space, which some of SQuAD's have, is left out."""
    question = question.strip()
    offsets = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
        "offset_mapping"
    ]
    return question if len(offsets) <= tokens else question[: offsets[tokens - 1][1]]


def _windows(
    rows: Dataset, questions: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> Dataset:
    """The windows of questions' contexts, a row each, in the questions' order.

    Beside what a model takes they have `row`, the question's place, and `begins` and `ends`, for each token the place
    of its first character in the context and of the one after its last; -1 for what is not of the context.
    """
    rows = rows.add_column("short", list(questions))

    def windows(batch: dict[str, list[Any]], places: list[int]) -> dict[str, list[Any]]:
        encoded = tokenizer(
            batch["short"],
            batch["context"],
            truncation="only_second",
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        origin, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
        found: dict[str, list[Any]] = {name: list(column) for name, column in encoded.items()}
        found |= {name: [] for name in ("row", "begins", "ends", "start_positions", "end_positions")}
        for window, sample in enumerate(origin):
            # (N, 2), -1 outside the context.
            in_context = np.array(encoded.sequence_ids(window), dtype=object) == 1
            spans = np.where(in_context[:, None], np.array(offsets[window]), -1)
            start, end = _marked(spans, batch["answers"][sample], batch["starts"][sample])
            for name, value in (
                ("row", places[sample]),
                ("begins", spans[:, 0].tolist()),
                ("ends", spans[:, 1].tolist()),
                ("start_positions", start),
                ("end_positions", end),
            ):
                found[name].append(value)
        return found

    return rows.map(windows, batched=True, batch_size=256, with_indices=True, remove_columns=rows.column_names)


def _marked(spans: NDArray[np.int64], answers: Sequence[str], starts: Sequence[int]) -> tuple[int, int]:
    """The first and the last token of the first answer; [CLS], where the window does not hold all of it.

    Args:
        spans: the characters of the tokens, (N, 2).
        answers: the texts of the answers.
        starts: their first characters.
    """
    if not answers:
        return 0, 0
    first, last = starts[0], starts[0] + len(answers[0])
    (places,) = np.nonzero((spans[:, 0] >= 0) & (spans[:, 1] > first) & (spans[:, 0] < last))
    context = np.flatnonzero(spans[:, 0] >= 0)
    if not len(places) or spans[context[0], 0] > first or spans[context[-1], 1] < last:
        return 0, 0
    return int(places[0]), int(places[-1])


class _Decoder:
    """Answers and their score out of a model's outputs for the windows of a task's validation rows."""

    def __init__(self, task: SpanTask, windows: Dataset, options: SpanOptions):
        self.task = task
        self.options = options
        self._begins = [np.array(each) for each in windows["begins"]]
        self._ends = [np.array(each) for each in windows["ends"]]
        self._rows = windows["row"][:]

    def score(self, outputs: Any) -> SpanScore:
        """Score the outputs for starts and ends, (W, N) each; hidden states may follow them."""
        spans: list[list[tuple[float, int, int]]] = [[] for _ in range(len(self.task.validation))]
        none = np.full(len(spans), math.inf)
        for row, begins, ends, start, end in zip(self._rows, self._begins, self._ends, *outputs[:2], strict=True):
            none[row] = min(none[row], float(start[0]) + float(end[0]))
            spans[row] += self._best_of_window(begins, ends, start, end)
        best: dict[str, list[Answer]] = {}
        chosen: dict[str, str] = {}
        margins, texts = np.zeros(len(spans)), []
        for row, (name, context) in enumerate(
            zip(self.task.validation["id"][:], self.task.validation["context"][:], strict=True)
        ):
            ranked = self._ranked(spans[row], context)
            margins[row] = none[row] - ranked[0][0]
            texts.append(ranked[0][1])
            if self.task.has_unanswerable:
                ranked = sorted([*ranked, (none[row], "")], key=lambda each: -each[0])
            says_none = self.task.has_unanswerable and margins[row] > self.options.no_answer_threshold
            chosen[name] = "" if says_none else texts[row]
            best[name] = _with_probabilities(ranked)
        score = self.task.score(chosen)
        return SpanScore(score.metric, chosen, score.answers, best, self._threshold(margins, texts, score))

    def _best_of_window(
        self, begins: NDArray[Any], ends: NDArray[Any], start: NDArray[Any], end: NDArray[Any]
    ) -> list[tuple[float, int, int]]:
        """The best spans of a window: score, first character, and the one after the last."""
        (context,) = np.nonzero(begins >= 0)
        count = self.options.n_best
        firsts = context[np.argsort(-start[context], kind="stable")[:count]]
        lasts = context[np.argsort(-end[context], kind="stable")[:count]]
        # (firsts, lasts)
        lengths = lasts[None] - firsts[:, None] + 1
        scores = start[firsts].astype(np.float64)[:, None] + end[lasts]
        scores[(lengths < 1) | (lengths > self.options.max_answer_length)] = -math.inf
        order = np.argsort(-scores, axis=None, kind="stable")[:count]
        found = [(scores.flat[place], *np.unravel_index(place, scores.shape)) for place in order]
        return [
            (float(value), int(begins[firsts[one]]), int(ends[lasts[two]]))
            for value, one, two in found
            if value > -math.inf
        ]

    def _ranked(self, spans: list[tuple[float, int, int]], context: str) -> list[tuple[float, str]]:
        """The best answers of all windows, each text once; an answer that is empty, if there is no other."""
        texts: dict[str, float] = {}
        for value, first, last in sorted(spans, key=lambda span: -span[0]):
            texts.setdefault(context[first:last], value)
        ranked = [(value, text) for text, value in texts.items()][: self.options.n_best]
        return ranked or [(-1e4, "")]

    def _threshold(self, margins: NDArray[Any], texts: Sequence[str], score: AnswerScore) -> Threshold | None:
        if not self.task.has_unanswerable:
            return None
        answered = AnswerScore(score.metric, dict(zip(score.answers, texts, strict=True)), score.answers)
        unanswered = AnswerScore(score.metric, dict.fromkeys(score.answers, ""), score.answers)
        return best_threshold(margins, answered.each[:, 1], unanswered.each[:, 1])


def _with_probabilities(ranked: Sequence[tuple[float, str]]) -> list[Answer]:
    values = np.array([value for value, _ in ranked])
    weights = np.exp(values - values.max())
    return [
        Answer(text, float(value), float(weight / weights.sum()))
        for (value, text), weight in zip(ranked, weights, strict=True)
    ]
