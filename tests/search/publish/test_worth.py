"""What the scores of a search are worth, on histories of our own making, and in what people read."""

import itertools
import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from autobert_zero_hf.search.publish.worth import RandomDraws, Ties, expected_best_of
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.journal import read_history
from autobert_zero_hf.search.runtime.records import Start

from autobert_zero_hf.commands.main import main
from tests.search.runtime.test_journal import candidate


def history(
    scores: Sequence[float], random_ones: int, error: float | None = 0.01, origin: str = "random", **recipe: Any
) -> History:
    """A search whose first candidates were random ones, and all others mutants of the first."""
    parents = [None] * random_ones + [candidate(1).identity] * (len(scores) - random_ones)
    begun = Start(version=3, identity="", recipe={"seed": 0, "candidates": 100, **recipe})
    return History(
        [
            begun,
            *(
                candidate(number, parent=parent, score=score, standard_error=error, origin=origin)
                for number, (parent, score) in enumerate(zip(parents, scores, strict=True), start=1)
            ),
        ]
    )


@pytest.mark.parametrize("draws", [1, 2, 5])
def test_the_expected_best_is_the_mean_over_all_draws(draws: int) -> None:
    scores = [0.3, 0.1, 0.4, 0.15]
    by_hand = statistics.fmean(max(draw) for draw in itertools.product(scores, repeat=draws))
    assert expected_best_of(scores, draws) == pytest.approx(by_hand)


def test_those_that_cannot_be_told_apart_are_counted() -> None:
    # The error of a difference is 0.0141: 0.0283 is two of them.
    ties = Ties.of(history([0.5, 0.4718, 0.4716, 0.1], 1))
    assert ties == Ties(2, 4)
    assert str(ties).startswith("2 of 4 candidates are within two standard errors")
    assert "above every other one" in str(Ties.of(history([0.5, 0.1], 1)))
    assert Ties.of(history([0.5, 0.1], 1, error=None)) is None
    assert Ties.of(history([], 0)) is None


def test_what_random_draws_would_have_reached() -> None:
    rng = random.Random(1)
    drawn = [rng.gauss(0.2, 0.01) for _ in range(24)]
    better = RandomDraws.of(history([*drawn, *[0.3] * 40], 24))
    assert better is not None and (better.best, better.draws, better.drawn) == (0.3, 64, 24)
    assert better.expected == pytest.approx(expected_best_of(drawn, 64))
    # The error is that of drawing other 24: as it is when they are drawn anew.
    again = [expected_best_of([rng.gauss(0.2, 0.01) for _ in range(24)], 64) for _ in range(400)]
    assert 0.5 < better.error / statistics.stdev(again) < 2
    assert " is above what 64 random draws would have reached" in str(better)
    level = RandomDraws.of(history([*drawn, *[max(drawn)] * 40], 24))
    assert " is level with what" in str(level)


def test_without_enough_random_ones_or_others_nothing_is_said() -> None:
    assert RandomDraws.of(history([0.1] * 20, 7)) is None
    assert RandomDraws.of(history([0.1] * 20, 20)) is None


def test_what_something_chose_is_no_random_draw() -> None:
    scores = [0.1 + 0.001 * number for number in range(40)]
    assert RandomDraws.of(history(scores, 20)) is not None
    assert RandomDraws.of(history(scores, 20, screen_by="w-pca")) is None, "it kept the better half"
    assert RandomDraws.of(history(scores, 20, origin="TPESampler")) is None, "results led to it"


def test_it_is_said_where_results_are_read(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, printed = finished
    history = read_history(folder / "journal.jsonl")
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    said = [str(each) for each in (Ties.of(history), RandomDraws.of(history)) if each]
    assert said
    for each in said:
        assert each in printed
        assert each in page
