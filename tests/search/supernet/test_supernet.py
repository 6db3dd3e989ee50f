import random
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from autobert_zero_hf.search.recipe.options import SuperNetOptions
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.supernet import biws
from autobert_zero_hf.search.supernet.biws import SuperNetTraining
from autobert_zero_hf.search.supernet.supernet import SuperNet

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.graphs import BRANCHES

SPACE = SearchSpace(num_layers=2, kernel_sizes=(3, 9))
OPTIONS = SuperNetOptions(supernet_steps=30, supernet_batch_size=4, supernet_learning_rate=1e-2)


def training(net: SuperNet, rows: MaskedRows, folder: Path) -> SuperNetTraining:
    return SuperNetTraining(net, SPACE, rows, OPTIONS, 0, Accelerator(cpu=True), folder / "supernet.pt")


def test_both_branches_of_every_layer_are_there(net: SuperNet, tiny_config: AutoBertZeroConfig) -> None:
    names = set(net._names)
    for layer in range(2):
        for part in ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"):
            assert f"autobert_zero.layers.{layer}.{part}.weight" in names
        assert f"autobert_zero.layers.{layer}.convolution.kernels" in names
    assert torch.equal(net.weights[0], SuperNet(tiny_config, BRANCHES, seed=0).weights[0])
    assert not torch.equal(net.weights[0], SuperNet(tiny_config, BRANCHES, seed=1).weights[0])


@pytest.mark.parametrize("seed", range(8))
def test_what_is_extracted_computes_what_ran_inside(net: SuperNet, rows: MaskedRows, seed: int) -> None:
    layers = SPACE.sample(random.Random(seed)).layers
    batch = rows.sample(0, 4, seed=0)
    net.eval()
    model = net.extract(layers).eval()
    assert model.config.layers == list(layers)
    inside = net(layers, batch.input_ids, batch.labels)
    outside = model(input_ids=batch.input_ids, labels=batch.labels, sparse_prediction=True)
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
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(biws, "_STEPS_BETWEEN_CHECKPOINTS", 10)

    def fresh() -> SuperNet:
        return SuperNet(tiny_config, BRANCHES, seed=0)

    class BrokenOffError(Exception):
        pass

    def kill(step: int, loss: float) -> None:
        if step == 25:
            raise BrokenOffError

    losses: list[float] = []
    whole, broken = fresh(), fresh()
    (tmp_path / "whole").mkdir()
    training(whole, rows, tmp_path / "whole").run(lambda step, loss: losses.append(loss))
    with pytest.raises(BrokenOffError):
        training(broken, rows, tmp_path).run(kill)
    resumed = fresh()
    second = training(resumed, rows, tmp_path)
    assert second.steps_done == 20
    second.run(lambda step, loss: None)
    assert all(torch.equal(a, b) for a, b in zip(whole.weights, resumed.weights, strict=True))
    assert sum(losses[-10:]) < sum(losses[:10]) - 2
    assert training(fresh(), rows, tmp_path).finished


def test_what_is_absorbed_comes_out_again(net: SuperNet) -> None:
    layers = ("conv(3)", BERT_ATTENTION)
    model, before = net.extract(layers), {n: w.detach().clone() for n, w in zip(net._names, net.weights, strict=True)}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    net.absorb(layers, dict(model.named_parameters()))
    again = dict(net.extract(layers).named_parameters())
    assert all(torch.equal(weight, again[name]) for name, weight in model.named_parameters())
    after = dict(zip(net._names, net.weights, strict=True))
    kernels = "autobert_zero.layers.0.convolution.kernels"
    assert torch.equal(after[kernels][:, :3], before[kernels][:, :3])
    assert {name for name in after if not torch.equal(after[name], before[name])} == set(again)


def test_a_branch_that_no_backbone_used_stays_as_it_is(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path
) -> None:
    net = SuperNet(tiny_config, BRANCHES, seed=0)
    before = {name: weight.detach().clone() for name, weight in zip(net._names, net.weights, strict=True)}
    options = SuperNetOptions(supernet_steps=1, backbones_per_step=1, supernet_batch_size=4, random_attention=0.0)
    trained = SuperNetTraining(net, SPACE, rows, options, 3, Accelerator(cpu=True), tmp_path / "s.pt")
    trained.run(lambda step, loss: None)
    layers = SPACE.sample(random.Random("3/super-net/0"), BERT_ATTENTION).layers
    used = {name for name, _ in net.skeleton(layers).named_parameters()}
    for name, weight in zip(net._names, net.weights, strict=True):
        assert torch.equal(weight, before[name]) == (name not in used), name


def test_a_space_without_attention_has_a_super_net_with_one_for_the_bert_beside_the_winner(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path
) -> None:
    net = SuperNet(tiny_config, BRANCHES, seed=0)
    before = [weight.detach().clone() for weight in net.weights]
    space = SearchSpace(num_layers=2, kernel_sizes=(3, 9), layer_types=("convolution",))
    options = SuperNetOptions(supernet_steps=6, supernet_batch_size=4)
    SuperNetTraining(net, space, rows, options, 0, Accelerator(cpu=True), tmp_path / "s.pt").run(
        lambda step, loss: None
    )
    used = {name for name, _ in net.skeleton((BERT_ATTENTION,) * 2).named_parameters() if "pooler" not in name}
    changed = {
        name for name, one, two in zip(net._names, net.weights, before, strict=True) if not torch.equal(one, two)
    }
    assert used <= changed
