import random
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from autobert_zero_hf.search.estimation.biws import SuperNetTraining
from autobert_zero_hf.search.estimation.masked_lm_proxy import MaskedLmProxy
from autobert_zero_hf.search.estimation.supernet import SuperNet
from autobert_zero_hf.search.recipe import EstimationOptions, SuperNetOptions
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.strategy.evaluation import Failure
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.training.masked_lm import MaskedRows, pack

SPACE = SearchSpace(num_layers=2, kernel_sizes=(3, 9))
OPTIONS = SuperNetOptions(supernet_steps=60, supernet_batch_size=4, supernet_learning_rate=3e-3)


@pytest.fixture(scope="module")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> MaskedRows:
    return MaskedRows(pack(documents, tokenizer, 32), tokenizer)


@pytest.fixture
def net(tiny_config: AutoBertZeroConfig) -> SuperNet:
    return SuperNet(tiny_config, max_kernel_size=9, seed=0)


def training(net: SuperNet, rows: MaskedRows, folder: Path) -> SuperNetTraining:
    return SuperNetTraining(net, SPACE, rows, OPTIONS, 0, Accelerator(cpu=True), folder / "supernet.pt")


def test_both_branches_of_every_layer_are_there(net: SuperNet, tiny_config: AutoBertZeroConfig) -> None:
    names = set(net._names)
    for layer in range(2):
        for part in ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"):
            assert f"autobert_zero.layers.{layer}.{part}.weight" in names
        assert f"autobert_zero.layers.{layer}.convolution.kernels" in names
    assert torch.equal(net.weights[0], SuperNet(tiny_config, 9, seed=0).weights[0])
    assert not torch.equal(net.weights[0], SuperNet(tiny_config, 9, seed=1).weights[0])


@pytest.mark.parametrize("seed", range(8))
def test_what_is_extracted_computes_what_ran_inside(net: SuperNet, rows: MaskedRows, seed: int) -> None:
    layers = SPACE.sample(random.Random(seed)).layers
    batch = rows.sample(0, 4, seed=0)
    net.eval()
    model = net.extract(layers).eval()
    assert model.config.layers == list(layers)
    inside = net(layers, batch.input_ids, batch.labels)
    outside = model(input_ids=batch.input_ids, labels=batch.labels)
    assert torch.equal(inside.logits, outside.logits)
    assert inside.loss == outside.loss
    # A copy: training it leaves the shared weights alone.
    before = [weight.clone() for weight in net.weights]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(a, b) for a, b in zip(net.weights, before, strict=True))


def test_a_small_kernel_is_the_centre_of_the_large_one(net: SuperNet, rows: MaskedRows) -> None:
    shared = dict(zip(net._names, net.weights, strict=True))["autobert_zero.layers.0.convolution.kernels"]
    kernels = net.extract(("conv(3)", "conv(9)")).autobert_zero.layers[0].convolution.kernels
    assert torch.equal(kernels, shared[:, 3:6])
    batch = rows.sample(0, 4, seed=0)
    net(("conv(3)", BERT_ATTENTION), batch.input_ids, batch.labels).loss.backward()
    assert shared.grad[:, 3:6].abs().min() > 0
    assert shared.grad[:, :3].abs().max() == shared.grad[:, 6:].abs().max() == 0


def test_training_learns_and_goes_on_where_it_was_broken_off(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path
) -> None:
    def fresh() -> SuperNet:
        return SuperNet(tiny_config, 9, seed=0)

    class BrokenOffError(Exception):
        pass

    def kill(step: int, note: str) -> None:
        if step == 55:
            raise BrokenOffError

    losses: list[float] = []
    whole, broken = fresh(), fresh()
    (tmp_path / "whole").mkdir()
    training(whole, rows, tmp_path / "whole").run(lambda step, note: losses.append(float(note.split()[1])))
    with pytest.raises(BrokenOffError):
        training(broken, rows, tmp_path).run(kill)
    resumed = fresh()
    second = training(resumed, rows, tmp_path)
    assert second.steps_done == 50
    second.run(lambda step, note: None)
    assert all(torch.equal(a, b) for a, b in zip(whole.weights, resumed.weights, strict=True))
    assert sum(losses[-10:]) < sum(losses[:10]) - 2
    assert training(fresh(), rows, tmp_path).finished


def test_a_branch_that_no_backbone_used_stays_as_it_is(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path
) -> None:
    net = SuperNet(tiny_config, 9, seed=0)
    before = {name: weight.detach().clone() for name, weight in zip(net._names, net.weights, strict=True)}
    options = SuperNetOptions(supernet_steps=1, backbones_per_step=1, supernet_batch_size=4, random_attention=0.0)
    trained = SuperNetTraining(net, SPACE, rows, options, 3, Accelerator(cpu=True), tmp_path / "s.pt")
    trained.run(lambda step, note: None)
    layers = SPACE.sample(random.Random("3/super-net/0"), BERT_ATTENTION).layers
    used = {name for name, _ in net._skeleton(layers).named_parameters()}
    for name, weight in zip(net._names, net.weights, strict=True):
        assert torch.equal(weight, before[name]) == (name not in used), name


def test_a_score_follows_from_the_candidate_alone(net: SuperNet, rows: MaskedRows) -> None:
    options = EstimationOptions(candidate_steps=3, candidate_batch_size=4)
    evaluation = rows.batch(list(range(40)), seed=0)
    proxy = MaskedLmProxy(net, rows, evaluation, options, 0, Accelerator(cpu=True))
    one, two = (SPACE.sample(random.Random(seed)) for seed in (1, 2))
    first = proxy.evaluate(one)
    proxy.evaluate(two)
    torch.rand(7)
    assert proxy.evaluate(one) == first
    assert first.score is not None
    assert 0 <= first.score <= 1


def test_a_candidate_that_takes_too_long_or_is_illegal_is_a_failure(net: SuperNet, rows: MaskedRows) -> None:
    evaluation = rows.batch(list(range(40)), seed=0)
    options = EstimationOptions(candidate_steps=2, candidate_batch_size=4, candidate_seconds=0.0)
    proxy = MaskedLmProxy(net, rows, evaluation, options, 0, Accelerator(cpu=True))
    late = proxy.evaluate(Candidate(("conv(3)", "conv(3)")))
    assert (late.score, late.failure, late.detail) == (None, Failure.TIMEOUT, "0 seconds were over at step 1")
    proxy.options = EstimationOptions(candidate_steps=2, candidate_batch_size=4)
    illegal = proxy.evaluate(Candidate(("conv(3)", "matmul(q, k)")))
    assert illegal.failure is Failure.ILLEGAL


def test_a_candidate_that_is_not_finite_is_a_failure_with_a_reason(net: SuperNet, rows: MaskedRows) -> None:
    with torch.no_grad():
        dict(zip(net._names, net.weights, strict=True))["autobert_zero.layers.0.convolution.out_proj.bias"][0] = (
            torch.inf
        )
    evaluation = rows.batch(list(range(40)), seed=0)
    for steps in (0, 2):
        options = EstimationOptions(candidate_steps=steps, candidate_batch_size=4)
        proxy = MaskedLmProxy(net, rows, evaluation, options, 0, Accelerator(cpu=True))
        failed = proxy.evaluate(Candidate(("conv(3)", "conv(3)")))
        assert failed.score is None
        assert failed.failure is Failure.NOT_FINITE
        assert "step" not in str(failed.detail)  # no step was trained
        assert proxy.evaluate(Candidate((BERT_ATTENTION, "conv(3)"))).score is not None
