"""Candidates scored on inherited weights, of real text."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from autobert_zero_hf.search.proxies.proxy import Score
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.from_options import make_estimator
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Failure
from autobert_zero_hf.search.supernet.estimator import Estimator
from autobert_zero_hf.search.supernet.inheritance import Inheritance
from autobert_zero_hf.search.supernet.supernet import SuperNet

from autobert_zero_hf import AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.architectures import BERT_ATTENTION

SPACE = SearchSpace(num_layers=2, kernel_sizes=(3, 9))
OPTIONS = {"candidate_steps": 10, "candidate_batch_size": 4, "candidate_learning_rate": 1e-2, "evaluation_rows": 40}


def estimator(net: SuperNet, rows: MaskedRows, folder: Path, **options: Any) -> Estimator:
    recipe = Recipe.from_dict({**OPTIONS, **options})
    inheritance = Inheritance(net, recipe.inheritance, folder / "candidates")
    return make_estimator(recipe, inheritance, rows, rows, {}, Accelerator(cpu=True))


@pytest.mark.parametrize("proxy", ["accuracy", "loss"])
def test_a_score_follows_from_the_candidate_alone(net: SuperNet, rows: MaskedRows, tmp_path: Path, proxy: str) -> None:
    here = estimator(net, rows, tmp_path, proxy=proxy)
    one, two = (SPACE.sample(random.Random(seed)) for seed in (1, 2))
    first = here.evaluate(one)
    here.evaluate(two)
    torch.rand(7)
    assert here.evaluate(one) == first
    assert estimator(net, rows, tmp_path, proxy=proxy).evaluate(one) == first
    assert first.score is not None
    assert first.standard_error is not None
    assert first.standard_error > 0
    assert 0 <= first.score <= 1 if proxy == "accuracy" else first.score < 0
    assert not list(tmp_path.iterdir()), "nothing is kept that nobody inherits"


def test_a_candidate_that_takes_too_long_or_is_illegal_is_a_failure(
    net: SuperNet, rows: MaskedRows, tmp_path: Path
) -> None:
    late = estimator(net, rows, tmp_path, candidate_seconds=0.0).evaluate(Candidate(("conv(3)", "conv(3)")))
    assert (late.score, late.failure, late.detail) == (None, Failure.TIMEOUT, "0 seconds were over at step 1")
    illegal = estimator(net, rows, tmp_path).evaluate(Candidate(("conv(3)", "matmul(q, k)")))
    assert illegal.failure is Failure.ILLEGAL


@pytest.mark.parametrize("allocate", [lambda: torch.empty(1 << 55), lambda: bytearray(1 << 60)])
def test_a_candidate_that_needs_more_memory_than_there_is_is_a_failure(
    net: SuperNet, rows: MaskedRows, tmp_path: Path, allocate: Callable[[], object]
) -> None:
    here = estimator(net, rows, tmp_path)
    scored = here.proxy

    def greedy(model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        allocate()
        return scored(model, after_step)

    here.proxy = greedy
    failed = here.evaluate(Candidate(("conv(3)", "conv(3)")))
    assert (failed.score, failed.failure) == (None, Failure.OUT_OF_MEMORY)

    def mistaken(model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        raise RuntimeError("a mistake")

    here.proxy = mistaken
    with pytest.raises(RuntimeError, match="a mistake"):
        here.evaluate(Candidate(("conv(3)", "conv(3)")))


@pytest.mark.parametrize("steps", [0, 2])
def test_a_candidate_that_is_not_finite_is_a_failure_with_a_reason(
    net: SuperNet, rows: MaskedRows, tmp_path: Path, steps: int
) -> None:
    with torch.no_grad():
        dict(zip(net._names, net.weights, strict=True))["autobert_zero.layers.0.convolution.out_proj.bias"][0] = (
            torch.inf
        )
    here = estimator(net, rows, tmp_path, candidate_steps=steps)
    failed = here.evaluate(Candidate(("conv(3)", "conv(3)")))
    assert failed.score is None
    assert failed.failure is Failure.NOT_FINITE
    assert "step" not in str(failed.detail)  # no step was trained
    assert here.evaluate(Candidate((BERT_ATTENTION, "conv(3)"))).score is not None


def test_a_child_takes_over_what_its_parent_learnt(net: SuperNet, rows: MaskedRows, tmp_path: Path) -> None:
    here = estimator(net, rows, tmp_path, inherit_from="parent")
    parent = Candidate((BERT_ATTENTION, "conv(3)"))
    here.evaluate(parent)
    linear = "matmul(q, matmul(transpose(k), v))"
    model = here.inheritance.model_for(Candidate((linear, "conv(9)"), parent=parent.identity))
    own, shared = dict(model.named_parameters()), dict(zip(net._names, net.weights, strict=True))
    learnt = dict(here.inheritance.model_for(Candidate(parent.layers, parent=parent.identity)).named_parameters())
    assert not any(
        torch.equal(learnt[name], shared[name]) for name in learnt if name in shared and "kernels" not in name
    )
    for name, weight in own.items():
        if "kernels" in name:
            assert torch.equal(weight[:, 3:6], learnt[name])
            assert not torch.equal(weight[:, 3:6], shared[name][:, 3:6])
            assert torch.equal(weight[:, :3], shared[name][:, :3])
        else:
            assert torch.equal(weight, learnt[name]), name
    # Another branch is the super-net's, the rest the parent's.
    swapped = here.inheritance.model_for(Candidate(("conv(3)", "conv(3)"), parent=parent.identity))
    for name, weight in swapped.named_parameters():
        if "layers.0.convolution.in_proj" in name:
            assert torch.equal(weight, shared[name])
        elif "intermediate" in name:
            assert torch.equal(weight, learnt[name])
    orphan = Candidate(parent.layers, parent="0" * 16)
    with pytest.raises(AutoBertZeroError, match="is missing, with the weights that others inherit"):
        here.evaluate(orphan)


def test_the_best_of_a_generation_is_written_back_to_a_copy(net: SuperNet, rows: MaskedRows, tmp_path: Path) -> None:
    before = [weight.clone() for weight in net.weights]
    here = estimator(net, rows, tmp_path, write_back=True, proxy="loss")
    candidates = [Candidate((BERT_ATTENTION, "conv(3)")), Candidate(("conv(3)", "conv(9)"))]
    evaluations = [here.evaluate(candidate) for candidate in candidates]
    best = max(evaluations, key=lambda evaluation: evaluation.rank_key)
    first = here.evaluate(Candidate(best.candidate.layers))
    assert first.score == best.score, "nothing is written back before the generation ends"
    here.inheritance.end_generation(evaluations)
    assert here.evaluate(Candidate(best.candidate.layers)).score != best.score
    assert all(torch.equal(a, b) for a, b in zip(net.weights, before, strict=True))
    # A resumed search reads the file, and comes to the same weights.
    again = estimator(net, rows, tmp_path, write_back=True, proxy="loss")
    trained = [
        estimator(net, rows, tmp_path, write_back=True, proxy="loss").evaluate(candidate) for candidate in candidates
    ]
    again.inheritance.end_generation(trained)
    fresh = Inheritance(net, again.inheritance.options, tmp_path / "candidates")
    fresh.end_generation(evaluations)
    for one, two in zip(fresh.net.weights, again.inheritance.net.weights, strict=True):
        assert torch.equal(one, two)
