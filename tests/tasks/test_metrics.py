import math
import warnings
from collections.abc import Iterator

import evaluate
import numpy as np
import pytest

from autobert_zero_hf.tasks.metrics import (
    Accuracy,
    AccuracyAndF1,
    GlueMetric,
    MatthewsCorrelation,
    PearsonAndSpearman,
    TaskScore,
    metric_for,
)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def score(metric: GlueMetric, predictions: list[float], references: list[float]) -> TaskScore:
    return TaskScore(metric, np.array(predictions), np.array(references))


# Class 1: 3 are found, 1 is missed, 2 are false alarms; 4 of class 0 are right.
PREDICTIONS = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
REFERENCES = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("metric", "values", "value"),
    [
        (Accuracy(), {"accuracy": 0.7}, 0.7),
        # F1 = 2 * 3 / (2 * 3 + 1 + 2) = 2 / 3
        (AccuracyAndF1(), {"accuracy": 0.7, "f1": 0.6666666667}, 0.6833333333),
        # (3 * 4 - 2 * 1) / sqrt((3 + 2) * (3 + 1) * (4 + 2) * (4 + 1)) = 10 / sqrt(600)
        (MatthewsCorrelation(), {"matthews_correlation": 0.4082482905}, 0.4082482905),
    ],
)
def test_scores_of_classes_by_hand(metric: GlueMetric, values: dict[str, float], value: float) -> None:
    measured = score(metric, PREDICTIONS, REFERENCES)
    assert measured.values == pytest.approx(values)
    assert measured.value == pytest.approx(value)
    assert isinstance(metric, evaluate.Metric)
    assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == measured.values


def test_correlations_by_hand() -> None:
    # Means 3 and 4.2: deviations -2, -1, 0, 1, 2 and -3.2, -1.2, -1.2, 0.8, 4.8; their squares are 10 and 36.8, their
    # products 6.4 + 1.2 + 0 + 0.8 + 9.6 = 18; 18 / sqrt(10 * 36.8) = 0.9383148632.
    # Ranks 1, 2.5, 2.5, 4, 5: deviations -2, -0.5, -0.5, 1, 2; squares 9.5, products 4 + 0.5 + 0 + 1 + 4 = 9.5;
    # 9.5 / sqrt(10 * 9.5) = 0.9746794345.
    measured = score(PearsonAndSpearman(), [1, 2, 3, 4, 5], [1, 3, 3, 5, 9])
    assert measured.values == pytest.approx({"pearson": 0.9383148632, "spearman": 0.9746794345})
    assert measured.value == pytest.approx(0.9564971488)


def test_correlations_are_those_of_order_and_direction() -> None:
    assert score(PearsonAndSpearman(), [1, 2, 3, 4], [8, 6, 4, 2]).values == pytest.approx(
        {"pearson": -1.0, "spearman": -1.0}
    )
    assert score(PearsonAndSpearman(), [1, 2, 3, 4], [1, 8, 27, 64]).values["spearman"] == pytest.approx(1.0)


def test_matthews_correlation_of_three_classes_by_hand() -> None:
    # (c s - sum of p t) / sqrt((s^2 - sum of p^2) (s^2 - sum of t^2)): of s = 4 rows c are right; the classes are
    # predicted p = 1, 2, 1 times, and are right t = 2, 1, 1 times: (4 c - 5) / sqrt(10 * 10).
    assert score(MatthewsCorrelation(), [0, 1, 1, 2], [0, 0, 1, 2]).value == pytest.approx(0.7)
    assert score(MatthewsCorrelation(), [0, 1, 1, 2], [0, 0, 2, 1]).value == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("metric", "predictions", "references", "values"),
    [
        (AccuracyAndF1(), [0, 0, 0, 0], [0, 0, 1, 1], {"accuracy": 0.5, "f1": 0.0}),
        (AccuracyAndF1(), [0, 0, 0], [0, 0, 0], {"accuracy": 1.0, "f1": 0.0}),
        (AccuracyAndF1(), [1, 1, 1], [0, 0, 0], {"accuracy": 0.0, "f1": 0.0}),
        (MatthewsCorrelation(), [1, 1, 1, 1], [0, 0, 1, 1], {"matthews_correlation": 0.0}),
        (MatthewsCorrelation(), [0, 1, 0, 1], [1, 1, 1, 1], {"matthews_correlation": 0.0}),
        (MatthewsCorrelation(), [1, 1], [1, 1], {"matthews_correlation": 0.0}),
        (MatthewsCorrelation(), [1], [1], {"matthews_correlation": 0.0}),
        (PearsonAndSpearman(), [0.5, 0.5, 0.5], [1, 2, 3], {"pearson": 0.0, "spearman": 0.0}),
        (PearsonAndSpearman(), [0.0, 0.0, 0.0], [1, 2, 3], {"pearson": 0.0, "spearman": 0.0}),
        (PearsonAndSpearman(), [1, 2, 3], [2, 2, 2], {"pearson": 0.0, "spearman": 0.0}),
        (PearsonAndSpearman(), [1.0, 1.0 + 1e-15, 1.0], [1, 2, 3], {"pearson": 0.0, "spearman": 0.0}),
        (PearsonAndSpearman(), [1.0], [2.0], {"pearson": 0.0, "spearman": 0.0}),
    ],
)
def test_predictions_without_variety_have_a_score(
    metric: GlueMetric, predictions: list[float], references: list[float], values: dict[str, float]
) -> None:
    measured = score(metric, predictions, references)
    assert measured.values == values
    if len(predictions) == 1:
        assert measured.standard_error is None
    else:
        assert measured.standard_error is None or measured.standard_error > 0


def test_what_varies_by_one_row_only_has_an_error() -> None:
    # Without its first row the predictions are constant: that score is 0, the others are not.
    measured = score(PearsonAndSpearman(), [9, 1, 1, 1], [4, 1, 2, 3])
    assert 0 < measured.value < 1
    assert measured.standard_error is not None
    assert measured.standard_error > 0


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="needs finite numbers"):
        score(PearsonAndSpearman(), [1, math.nan, 2], [1, 2, 3]).value  # noqa: B018


def test_the_error_of_an_accuracy_is_the_known_one() -> None:
    # sqrt(0.7 * 0.3 / 9), that of a mean of ten numbers.
    assert score(Accuracy(), PREDICTIONS, REFERENCES).standard_error == pytest.approx(0.1527525232)


def test_the_jackknife_is_that_of_each_row() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, (2, 30))
    numbers = rng.normal(size=(2, 30))
    for metric, (predictions, references) in (
        (Accuracy(), classes),
        (AccuracyAndF1(), classes),
        (MatthewsCorrelation(), classes),
        (PearsonAndSpearman(), numbers),
    ):
        rows = np.arange(30)
        wanted = [TaskScore(metric, predictions[rows != row], references[rows != row]).value for row in rows]
        assert metric.jackknife(predictions, references) == pytest.approx(wanted)


@pytest.mark.parametrize("rows", [300, 1501])  # the second is left out in blocks, one of which reaches over the end
@pytest.mark.parametrize("metric", [AccuracyAndF1(), MatthewsCorrelation(), PearsonAndSpearman()])
def test_the_standard_error_agrees_with_the_bootstrap(metric: GlueMetric, rows: int) -> None:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(2, rows))
    references, predictions = hidden[0], 0.7 * hidden[0] + hidden[1]
    if not isinstance(metric, PearsonAndSpearman):
        references, predictions = (references > 0.8).astype(int), (predictions > 0.9).astype(int)
    measured = TaskScore(metric, predictions, references)
    resampled = []
    for _ in range(150):
        rows_drawn = rng.integers(0, rows, rows)
        values = metric.scores(predictions[rows_drawn], references[rows_drawn]).values()
        resampled.append(sum(values) / len(values))
    assert measured.standard_error == pytest.approx(np.std(resampled), rel=0.15)
    assert TaskScore(metric, predictions, references).standard_error == measured.standard_error


def test_a_difference_is_paired() -> None:
    rng = np.random.default_rng(2)
    references = rng.integers(0, 2, 400)
    one = np.where(rng.random(400) < 0.8, references, 1 - references)
    two = np.where(rng.random(400) < 0.05, 1 - one, one)
    a, b = TaskScore(Accuracy(), one, references), TaskScore(Accuracy(), two, references)
    hits = (one == references).astype(float) - (two == references)
    difference, error = a.difference(b)
    assert difference == pytest.approx(hits.mean())
    assert error == pytest.approx(hits.std(ddof=1) / math.sqrt(400))
    assert error < a.standard_error, "pairing should help here"
    with pytest.raises(ValueError, match="not measured on the same rows"):
        a.difference(TaskScore(Accuracy(), two, 1 - references))
    with pytest.raises(ValueError, match="same metric"):
        a.difference(TaskScore(MatthewsCorrelation(), two, references))


def test_tasks_have_the_metrics_of_glue() -> None:
    found = {name: type(metric_for(name, 2)) for name in ("cola", "mrpc", "qqp", "sst2", "rte", "mine")}
    assert found == {
        "cola": MatthewsCorrelation,
        "mrpc": AccuracyAndF1,
        "qqp": AccuracyAndF1,
        "sst2": Accuracy,
        "rte": Accuracy,
        "mine": Accuracy,
    }
    assert type(metric_for("stsb", 0)) is PearsonAndSpearman
    assert type(metric_for("mnli", 3)) is Accuracy
    # Not GLUE's, whatever its name.
    assert type(metric_for("cola", 0)) is PearsonAndSpearman
    assert type(metric_for("mrpc", 3)) is Accuracy
