"""Which of the best candidates is taken by its measured latency; what was measured is given, and so known."""

from pathlib import Path

import pytest
from accelerate import Accelerator
from autobert_zero_hf.search.latency.band import LatencyBand
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.latency_bound import LatencyBound, Stopwatch
from autobert_zero_hf.search.runtime.history import History
from autobert_zero_hf.search.runtime.journal import Journal
from autobert_zero_hf.search.runtime.latency_records import Measured
from autobert_zero_hf.search.runtime.run_folder import RunFolder
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import Sizes

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.progress.reporter import Reporter

LAYERS = ("conv(3)", "conv(5)")
RANKED = [Candidate(LAYERS, sizes=Sizes(2, hidden, 32, 2, 8)) for hidden in range(8, 88, 8)]


def chosen(folder: Path, *intervals: tuple[float, float]) -> int:
    """The place of what is chosen for 10 ms, so up to 11 ms, of candidates that were measured so."""
    recipe = Recipe.from_dict({"latency_ms": 10.0, "search_sizes": "head_dim"})
    journal = Journal(None, recipe.to_dict(), History())
    for candidate, (low, high) in zip(RANKED, intervals, strict=False):
        median, rest = (low + high) / 2, {"p95": high, "passes": 4, "waited": 0.0, "verdict": "within"}
        journal.append(Measured(identity=candidate.identity, median=median, interval=(low, high), **rest))
    stopwatch = Stopwatch(
        recipe, RunFolder(folder), AutoBertZeroConfig(layers=LAYERS), Accelerator(cpu=True), Reporter()
    )
    bound = LatencyBound(recipe, stopwatch, journal)
    bound.band = LatencyBand(lambda _: 10.0, 10.0)
    return RANKED.index(bound.choose(RANKED[: len(intervals)]))


def test_the_best_is_taken_that_surely_keeps_to_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen(tmp_path, (10.8, 11.2), (11.5, 12.0), (10.4, 11.0), (9.0, 9.5)) == 2
    assert capsys.readouterr().err == ""


def test_faster_than_the_band_is_no_fault(tmp_path: Path) -> None:
    assert chosen(tmp_path, (10.8, 11.2), (5.0, 6.0), (9.0, 10.0)) == 1


def test_where_none_surely_keeps_to_it_the_best_is_taken_that_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(tmp_path, (11.1, 11.3), (10.8, 11.2), (10.7, 11.1)) == 1
    assert "None of the 3 best surely keeps to 11.00 ms when it is measured: the best that may" in (
        capsys.readouterr().err
    )


def test_where_all_are_too_slow_the_fastest_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen(tmp_path, (12.0, 13.0), (11.2, 11.6), (14.0, 15.0)) == 1
    assert "the fastest of them is taken, 11.40 ms" in capsys.readouterr().err


def test_no_more_than_eight_are_measured(tmp_path: Path) -> None:
    assert chosen(tmp_path, *[(10.9, 11.1)] * 8, (9.0, 9.5)) == 0
