import math

import evaluate
import numpy as np
import pytest

from autobert_zero_hf.tasks.squad_metrics import AnswerScore, Squad, SquadV2, best_threshold, normalise


def test_answers_are_compared_without_case_punctuation_articles_and_white_space() -> None:
    assert normalise("  The\tU.S.A., and AN apple-pie\n") == "usa and applepie"
    assert normalise("Theatre of a thousand") == "theatre of thousand"
    assert normalise("the, a!") == ""


@pytest.mark.parametrize(
    ("prediction", "answers", "exact", "f1"),
    [
        ("the Time Warner", ["Time Warner"], 1, 1),
        # One word of two is right, and one of one: 2 * 1 / (2 + 1).
        ("Time", ["Time Warner"], 0, 2 / 3),
        ("Time", ["Time Warner", "time."], 1, 1),
        # Each number is the best one by itself: of the second answer 2 * 2 / (3 + 4).
        ("in old Rome", ["Paris", "in old Athens today"], 0, 4 / 7),
        # A word counts as often as it is in both: 2 * 1 / (3 + 2).
        ("ha ha ha", ["ha ho"], 0, 2 / 5),
        ("Rome", ["Paris"], 0, 0),
        ("", ["Paris"], 0, 0),
    ],
)
def test_answers_by_hand(prediction: str, answers: list[str], exact: float, f1: float) -> None:
    assert Squad().scores(prediction, answers) == pytest.approx((exact, f1))
    assert SquadV2().scores(prediction, answers) == pytest.approx((exact, f1))


@pytest.mark.parametrize(
    ("metric", "prediction", "answers", "exact", "f1"),
    [
        (SquadV2(), "", [], 1, 1),
        (SquadV2(), "the", [], 1, 1),  # nothing is left of it
        (SquadV2(), "Rome", [], 0, 0),
        (SquadV2(), "Rome", ["the", "Rome"], 1, 1),
        (SquadV2(), "", ["the", "Rome"], 0, 0),  # an answer of which nothing is left is none
        (SquadV2(), "", ["the"], 1, 1),
        (Squad(), "", ["the"], 1, 0),  # v1.1's script finds no word in common
    ],
)
def test_no_answer_by_hand(metric: Squad, prediction: str, answers: list[str], exact: float, f1: float) -> None:
    assert metric.scores(prediction, answers) == (exact, f1)


ANSWERS = {"1": ["Rome"], "2": ["old Rome"], "3": [], "4": []}
PREDICTIONS = {"1": "Rome", "2": "Rome", "3": "", "4": "Paris", "5": "of no use"}


def test_the_metric_is_one_of_evaluate() -> None:
    metric = SquadV2()
    assert isinstance(metric, evaluate.Metric)
    predictions = [{"id": name, "prediction_text": text} for name, text in PREDICTIONS.items()][:4]
    references = [
        {"id": name, "answers": {"text": texts, "answer_start": [0] * len(texts)}} for name, texts in ANSWERS.items()
    ]
    # Right are 1 and 3; 2 has an F1 of 2 * 1 / (1 + 2).
    wanted = {"exact_match": 0.5, "f1": (1 + 2 / 3 + 1 + 0) / 4}
    assert metric.compute(predictions=predictions, references=references) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="1 questions have no prediction, 4 for one"):
        metric.compute(predictions=[*predictions[:3], {"id": "5", "prediction_text": ""}], references=references)


def test_scores_come_with_errors_and_by_kind_of_question() -> None:
    score = AnswerScore(SquadV2(), PREDICTIONS, ANSWERS)
    # Of 1, 2/3, 1, 0: mean 2/3, squared deviations 1/9 + 0 + 1/9 + 4/9 = 2/3; sqrt(2/3 / 3 / 4).
    assert score.value == pytest.approx(2 / 3)
    assert score.standard_error == pytest.approx(math.sqrt(2 / 36))
    # Of 1, 0, 1, 0: sqrt(1 / 3 / 4).
    assert score.details == pytest.approx(
        {
            "exact_match_standard_error": math.sqrt(1 / 12),
            "answerable_exact_match": 0.5,
            "answerable_f1": 5 / 6,
            "unanswerable_exact_match": 0.5,
            "unanswerable_f1": 0.5,
        }
    )
    other = AnswerScore(SquadV2(), {**PREDICTIONS, "4": ""}, ANSWERS)
    # Differences 0, 0, 0, -1: mean -1/4, sqrt((3/16 + 9/16) / 3 / 4).
    assert score.difference(other) == pytest.approx((-0.25, 0.25))
    with pytest.raises(ValueError, match="not measured on the same questions by the same metric"):
        score.difference(AnswerScore(SquadV2(), PREDICTIONS, {**ANSWERS, "3": ["x"]}))
    with pytest.raises(ValueError, match="same metric"):
        score.difference(AnswerScore(Squad(), PREDICTIONS, ANSWERS))


def test_always_the_same_answer_has_a_score() -> None:
    constant = AnswerScore(SquadV2(), dict.fromkeys(ANSWERS, ""), ANSWERS)
    assert constant.values == {"exact_match": 0.5, "f1": 0.5}
    single = AnswerScore(Squad(), {"1": "Paris"}, {"1": ["Rome"]})
    assert (single.value, single.standard_error) == (0, None)


def test_the_best_threshold_by_hand() -> None:
    # Answered are the questions of a margin of at most the threshold. By margin: -3 gains 1, -1 loses 1, 2 gains 0.5.
    margins = np.array([2.0, -3.0, -1.0])
    answered, unanswered = np.array([0.5, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    found = best_threshold(margins, answered, unanswered)
    assert (found.threshold, found.value) == (-3.0, pytest.approx(2 / 3))
    # Two of one margin are answered together: 1 + 0.5 - 1 = 0.5 gained, all others less.
    found = best_threshold(np.array([2.0, 2.0, 2.0]), answered, unanswered)
    assert (found.threshold, found.value) == (2.0, pytest.approx(1.5 / 3))
    # Nothing is worth answering.
    found = best_threshold(margins, np.zeros(3), np.ones(3))
    assert found.threshold < -3.0
    assert found.value == 1.0
    everything = best_threshold(margins, np.ones(3), np.zeros(3))
    assert (everything.threshold, everything.value) == (2.0, 1.0)
