"""Predicted latencies, and budgets that are met by them; what the samples say is given, so that it can be known."""

import random
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from autobert_zero_hf.search.latency.band import LatencyBand
from autobert_zero_hf.search.latency.hardware import Hardware
from autobert_zero_hf.search.latency.measuring import Latency, LatencyError
from autobert_zero_hf.search.latency.predictor import LatencyPredictor
from autobert_zero_hf.search.latency.samples import Sample, Samples, collect
from autobert_zero_hf.search.recipe.options import LatencyOptions
from autobert_zero_hf.search.space.budget import CostBudget
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes, SizesSpace
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.random_search import RandomSearch

from autobert_zero_hf import AutoBertZeroConfig, architecture
from autobert_zero_hf.model.cost import layer_cost

HERE = Hardware.here(LatencyOptions())
LIKE = AutoBertZeroConfig(
    layers=architecture("bert", 4), hidden_size=256, num_attention_heads=4, intermediate_size=1024
)
SIZES = SizesSpace.within(Sizes.of(LIKE), "heads")
SUB_MODELS = SubModels(tuple(LIKE.layers), SIZES)
LAYERS = SearchSpace(4, kernel_sizes=(3, 9, 65), max_operations=6)


def worked(candidate: Candidate) -> float:
    """Milliseconds of a machine that takes a millisecond for 50,000 operations a token, and a tenth for a layer."""
    config = LIKE if candidate.sizes is None else candidate.sizes.config(LIKE, candidate.layers)
    return sum(0.1 + layer_cost(text, config, 128).operations / 5e4 for text in candidate.layers)


def samples_of(draw: Callable[[random.Random], Candidate], count: int, noise: float = 0.0) -> Samples:
    rng = random.Random(1)
    drawn = [draw(rng) for _ in range(count)]
    sized = [each if each.sizes else Candidate(each.layers, sizes=Sizes.of(LIKE)) for each in drawn]
    times = [worked(each) * rng.uniform(1 - noise, 1 + noise) for each in sized]
    measured = (Sample(each, time, (time, time), 0.0, 5.0) for each, time in zip(sized, times, strict=True))
    return Samples(HERE, 1, 128, "the reference", tuple(measured))


@pytest.fixture(scope="module")
def predictor() -> LatencyPredictor:
    return LatencyPredictor(samples_of(SUB_MODELS.sample, 60, noise=0.02), LIKE)


def test_latencies_that_were_not_measured_are_predicted(predictor: LatencyPredictor, rng: random.Random) -> None:
    error = predictor.error()
    assert 0.003 < error.mean < 0.03
    assert error.mean < error.p95
    assert error.samples == 60
    new = [SUB_MODELS.sample(rng) for _ in range(50)]
    assert predictor.predict(new) == pytest.approx(list(map(worked, new)), rel=0.06)
    assert predictor(new[0]) == predictor.predict(new)[0]


def test_larger_sizes_are_never_faster(predictor: LatencyPredictor, rng: random.Random) -> None:
    for _ in range(50):
        candidate = SUB_MODELS.sample(rng)
        assert candidate.sizes is not None
        wider = replace(candidate.sizes, hidden_size=256, num_attention_heads=4)
        assert predictor(SUB_MODELS.candidate(wider)) >= predictor(candidate)


def test_the_error_is_that_of_candidates_that_were_held_out() -> None:
    samples = samples_of(LAYERS.sample, 30, noise=0.2)
    predictor = LatencyPredictor(samples, LIKE)
    ratios = [
        predicted / each.milliseconds
        for predicted, each in zip(
            predictor.predict([s.candidate for s in samples.samples]), samples.samples, strict=True
        )
    ]
    assert predictor.error().mean > 1.2 * statistics.fmean(abs(ratio - 1) for ratio in ratios)
    # Relative errors are what is least: no other scale makes their squares less.
    assert statistics.fmean(r * r for r in ratios) == pytest.approx(statistics.fmean(ratios), rel=1e-6)


def test_larger_sizes_are_never_faster_however_noisy_the_samples(rng: random.Random) -> None:
    noisy = LatencyPredictor(samples_of(SUB_MODELS.sample, 20, noise=0.5), LIKE)
    for candidate in (SUB_MODELS.sample(rng) for _ in range(100)):
        assert candidate.sizes is not None
        wider = replace(candidate.sizes, hidden_size=256, intermediate_size=1024)
        assert noisy(SUB_MODELS.candidate(wider)) >= noisy(candidate) > 0


def test_layers_that_differ_are_told_apart() -> None:
    predictor = LatencyPredictor(samples_of(LAYERS.sample, 80), LIKE)
    assert predictor.error().mean < 0.1
    attention, convolution = Candidate(tuple(LIKE.layers)), Candidate(("conv(3)",) * 4)
    assert predictor(attention) > predictor(convolution)
    assert predictor(attention) == pytest.approx(worked(attention), rel=0.2)


def test_what_slowed_the_machine_down_for_a_while_is_taken_out(predictor: LatencyPredictor) -> None:
    samples = samples_of(SUB_MODELS.sample, 60)
    slowed = [
        replace(each, milliseconds=1.5 * each.milliseconds, reference=1.5 * each.reference) if number < 20 else each
        for number, each in enumerate(samples.samples)
    ]
    drifted = replace(samples, samples=tuple(slowed))
    assert drifted.steadied() == pytest.approx(samples.steadied())
    assert LatencyPredictor(drifted, LIKE).error().mean < 1e-2


def test_a_file_of_samples_is_fitted_the_same_way_each_time(tmp_path: Path) -> None:
    small = Sizes(4, 16, 32, 2, 8).config(LIKE, LIKE.layers)
    space = SubModels(tuple(small.layers), SizesSpace.within(Sizes.of(small), "heads", 2, 4))
    options = LatencyOptions(latency_tokens=8, latency_warm_up=0, latency_passes=3)
    file = tmp_path / "latencies.jsonl"
    samples = collect(space, small, 24, file, options)
    loaded = LatencyPredictor(collect(space, small, 24, file, options), small)
    candidates = [space.sample(random.Random(seed)) for seed in range(5)]
    assert loaded.predict(candidates) == LatencyPredictor(samples, small).predict(candidates)
    assert loaded.hardware == Hardware.here(options)
    with pytest.raises(LatencyError, match=r"runtime torch .* there, onnxruntime"):
        collect(space, small, 24, file, replace(options, latency_runtime="onnx"))


def test_too_few_samples_are_said() -> None:
    with pytest.raises(LatencyError, match="19 measured latencies are too few to predict others"):
        LatencyPredictor(samples_of(SUB_MODELS.sample, 19), LIKE)


def test_a_band_rejects_what_is_outside(predictor: LatencyPredictor) -> None:
    middle = SUB_MODELS.candidate(Sizes(3, 192, 512, 3, 64))
    target = predictor(middle)
    band = LatencyBand(predictor, target)
    assert band.limits == pytest.approx((0.85 * target, 1.1 * target))
    strategy = RandomSearch(SUB_MODELS, random.Random(0), 30, band)
    asked = strategy.ask()
    assert len(asked) == 30
    assert all(0.85 * target <= predictor(candidate) <= 1.1 * target for candidate in asked)
    assert strategy.rejections["too slow"] > 0
    assert strategy.rejections["too fast"] > 0
    assert band(SUB_MODELS.candidate(SIZES.largest)) == "too slow"
    assert band(SUB_MODELS.candidate(SIZES.smallest)) == "too fast"


@pytest.mark.parametrize(("share", "sizes"), [(0.1, SIZES.smallest), (10.0, SIZES.largest)])
def test_a_budget_that_nothing_meets_names_the_closest(predictor: LatencyPredictor, share: float, sizes: Sizes) -> None:
    closest = SUB_MODELS.candidate(sizes)
    target = share * predictor(closest)
    with pytest.raises(LatencyError) as caught:
        LatencyBand(predictor, target).check(SUB_MODELS)
    assert f"the target of {target:.2f} ms; the closest takes {predictor(closest):.2f} ms: {sizes}." in str(
        caught.value
    )


def test_a_budget_is_met_as_well_as_the_space_allows(predictor: LatencyPredictor) -> None:
    for share in (0.1, 0.5, 0.9):
        low, high = (predictor(SUB_MODELS.candidate(sizes)) for sizes in (SIZES.smallest, SIZES.largest))
        band = LatencyBand(predictor, low + share * (high - low))
        assert predictor(band.check(SUB_MODELS)) == pytest.approx(band.target, rel=0.01)


def test_a_budget_is_checked_together_with_other_limits(predictor: LatencyPredictor) -> None:
    band = LatencyBand(predictor, predictor(SUB_MODELS.candidate(SIZES.largest)))
    limit = CostBudget(LIKE, 128, max_parameters=1_000_000, sizes=SIZES, layers=LIKE.layers)
    with pytest.raises(LatencyError, match="the closest takes") as caught:
        band.check(SUB_MODELS, limit)
    assert "4 layers, hidden 256, feed-forward 1024" not in str(caught.value), "they have 3.2 million"
    with pytest.raises(LatencyError, match="the other limits reject every backbone"):
        band.check(SUB_MODELS, lambda _: "too large")


def test_a_budget_where_layers_alone_differ() -> None:
    predictor = LatencyPredictor(samples_of(LAYERS.sample, 80), LIKE)
    target = predictor(LAYERS.sample(random.Random(5)))
    assert predictor(LatencyBand(predictor, target).check(LAYERS)) == pytest.approx(target, rel=0.1)
    with pytest.raises(LatencyError, match=r"the closest takes .* ms: .* \| "):
        LatencyBand(predictor, 100 * target).check(LAYERS)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((9.0, 10.0), "within"),
        ((8.5, 11.0), "within"),
        ((8.0, 8.4), "outside"),
        ((11.1, 12.0), "outside"),
        ((8.0, 9.0), "not clear"),
        ((10.9, 11.2), "not clear"),
        ((1.0, 20.0), "not clear"),
    ],
)
def test_finalists_are_judged_by_the_interval(interval: tuple[float, float], verdict: str) -> None:
    latency = Latency(sum(interval) / 2, interval[1], interval, 30, 0.0, HERE)
    assert LatencyBand(worked, 10.0).judge(latency) == verdict


@pytest.mark.parametrize("arguments", [{"target": 0.0}, {"target": float("nan")}, {"target": 1.0, "lower": 1.2}])
def test_bands_that_are_none_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"it must be above 0|1 must lie in it"):
        LatencyBand(worked, **arguments)
