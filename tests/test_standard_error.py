import math

import numpy as np
import pytest

from autobert_zero_hf.standard_error import is_known, length_of_bar, plus_minus, say_error
from autobert_zero_hf.tasks.metrics import Accuracy, MatthewsCorrelation, PearsonAndSpearman, TaskScore
from autobert_zero_hf.tasks.squad_metrics import AnswerScore, Squad
from autobert_zero_hf.training.pretraining.held_out import HeldOutScore
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore

LABELS = np.array([0, 1, 1, 0, 1])


@pytest.mark.parametrize(
    "score",
    [
        MaskedScore((0, 0, 0), (5, 7, 3)),  # all wrong
        MaskedScore((5, 7, 3), (5, 7, 3)),  # all right
        MaskedScore((1, 1, 1), (10, 10, 10)),  # as many of each row: no two differ, rounding aside
        MaskedScore((0.7, 2.1), (1, 3)),
        MaskedScore((3,), (9,)),
        MaskedScore((3, 0), (9, 0)),  # of the second row nothing is asked
        TaskScore(Accuracy(), LABELS, LABELS),
        TaskScore(Accuracy(), 1 - LABELS, LABELS),
        TaskScore(MatthewsCorrelation(), np.ones(5, int), LABELS),
        TaskScore(PearsonAndSpearman(), 0.1 * np.arange(9.0), np.arange(9.0)),
        AnswerScore(Squad(), {"1": "Rome", "2": "Oslo"}, {"1": ["Rome"], "2": ["Oslo"]}),
        AnswerScore(Squad(), {"1": "Rome"}, {"1": ["Oslo"]}),
    ],
)
def test_what_does_not_vary_does_not_tell_its_error(score: MaskedScore | TaskScore | AnswerScore) -> None:
    assert score.standard_error is None
    difference, error = score.difference(score)  # type: ignore[arg-type]
    assert (difference, error) == (0, None)


def test_what_varies_tells_its_error() -> None:
    one, other = MaskedScore((1, 2, 0), (4, 4, 4)), MaskedScore((2, 3, 1), (4, 4, 4))
    # Residuals 0, 1, -1 of 12 words.
    assert one.standard_error == pytest.approx(math.sqrt(3 / 2 * 2) / 12)
    # One word more in every row: all that can be said is that no row differs.
    assert one.difference(other) == (pytest.approx(-0.25), None)
    assert AnswerScore(Squad(), {"1": "Rome", "2": "Oslo"}, {"1": ["Rome"], "2": ["Rome"]}).standard_error == 0.5


@pytest.mark.parametrize(("told", "error"), [((True, True), None), ((False,), None), ((True, False), 0.5)])
def test_next_sentences_that_are_all_told_leave_the_error_unknown(told: tuple[bool, ...], error: float | None) -> None:
    words = MaskedScore((1, 2), (3, 3))
    facts = HeldOutScore(words, words, 0.1, 5.0, told, 0.5).facts()
    assert facts["next_sentence_accuracy_standard_error"] == error
    assert facts["accuracy_standard_error"] == words.standard_error


def test_what_is_said_of_an_error() -> None:
    assert plus_minus(0.25, 0.0123) == "0.2500 ± 0.0123"
    assert plus_minus(0.25, 0.0123, digits=3) == "0.250 ± 0.012"
    # None today; nought, or infinity, in what older versions wrote.
    for unknown in (None, 0.0, 1e-17, math.inf):
        assert plus_minus(0.0, unknown, signed=True) == "+0.0000 ± unknown"
        assert not is_known(unknown)
        assert math.isnan(length_of_bar(unknown))
    # Small, but not nought.
    assert say_error(0.00004) == "4e-05"
    assert (say_error(0.00005), say_error(0.0004, 3)) == ("0.0001", "4e-04")
