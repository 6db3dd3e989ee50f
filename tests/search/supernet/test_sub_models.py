"""Sub-models of other sizes: inside the super-net, extracted, saved and opened again."""

import random
from pathlib import Path

import pytest
import torch
from autobert_zero_hf.search.recipe.options import InheritanceOptions
from autobert_zero_hf.search.space.candidate import Candidate
from autobert_zero_hf.search.space.sizes import VARIED, Sizes, SizesSpace, Steps
from autobert_zero_hf.search.space.sub_models import SubModels
from autobert_zero_hf.search.strategy.evaluation import Evaluation
from autobert_zero_hf.search.supernet.inheritance import Inheritance
from autobert_zero_hf.search.supernet.supernet import SuperNet
from transformers import AutoModelForMaskedLM

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from tests.graphs import BRANCHES

LARGEST = Sizes(3, 48, 96, 4, 16)  # the heads are wider than the hidden states
BACKBONES = {
    "bert": (BERT_ATTENTION,) * 3,
    "mixed": ("conv(9)", "matmul(softmax(scale(matmul(q, transpose(logsigmoid(k))))), q)", BERT_ATTENTION),
}


def space(backbone: str, vary: str) -> SubModels:
    return SubModels(BACKBONES[backbone], SizesSpace.within(LARGEST, vary, 4, 4))


@pytest.fixture(params=BACKBONES)
def backbone(request: pytest.FixtureRequest) -> str:
    return request.param


def config(tiny_config: AutoBertZeroConfig, backbone: str) -> AutoBertZeroConfig:
    return LARGEST.config(tiny_config, BACKBONES[backbone])


@pytest.mark.parametrize("vary", VARIED)
def test_inside_extracted_and_reloaded_are_the_same_bit_by_bit(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows, tmp_path: Path, backbone: str, vary: str
) -> None:
    net = SuperNet(config(tiny_config, backbone), None, seed=0).eval()
    batch = rows.sample(0, 4, seed=0)
    padded = torch.ones_like(batch.input_ids)
    padded[1:, 20:] = 0
    labels = batch.labels.masked_fill(padded == 0, -100)
    inputs = {"input_ids": batch.input_ids, "labels": labels, "attention_mask": padded}
    candidates = [space(backbone, vary).sample(random.Random(seed)) for seed in range(5)]
    for candidate in (*space(backbone, vary).extremes, *candidates):
        assert candidate.sizes is not None
        with torch.no_grad():
            inside = net(candidate.layers, sizes=candidate.sizes, **inputs)
            model = net.extract(candidate.layers, candidate.sizes).eval()
            outside = model(**inputs, sparse_prediction=True)
            model.save_pretrained(tmp_path)
            # As a user opens it.
            reloaded = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
            again = reloaded(**inputs, sparse_prediction=True)
        assert type(reloaded) is AutoBertZeroForMaskedLM
        assert Sizes.of(reloaded.config) == candidate.sizes
        assert torch.equal(inside.logits, outside.logits), candidate.sizes
        assert torch.equal(outside.logits, again.logits), candidate.sizes
        assert inside.loss == outside.loss == again.loss
        assert torch.equal(reloaded.decoder.bias, net.named_weights["decoder.bias"])
        assert reloaded.decoder.weight is reloaded.get_input_embeddings().weight
        # What is padding, changes nothing.
        inputs_again = {**inputs, "input_ids": torch.where(padded == 0, 7, batch.input_ids)}
        assert torch.equal(net(candidate.layers, sizes=candidate.sizes, **inputs_again).logits, inside.logits)


def test_a_super_net_of_one_backbone_has_no_other_branches(tiny_config: AutoBertZeroConfig) -> None:
    names = SuperNet(config(tiny_config, "mixed"), None, seed=0).named_weights
    mixers = {tuple(name.split(".")[2:5]) for name in names if ".attention." in name or ".convolution." in name}
    assert mixers == {
        *(("0", "convolution", part) for part in ("in_proj", "kernels", "out_proj")),
        *(("1", "attention", part) for part in ("q_proj", "k_proj", "o_proj")),
        *(("2", "attention", part) for part in ("q_proj", "k_proj", "v_proj", "o_proj")),
    }
    assert names["autobert_zero.layers.0.convolution.kernels"].shape == (4, 9)


def test_gradients_reach_the_shared_weights_through_the_slices(
    tiny_config: AutoBertZeroConfig, rows: MaskedRows
) -> None:
    net = SuperNet(config(tiny_config, "mixed"), None, seed=0)
    net.eval()
    batch = rows.sample(0, 4, seed=0)
    sizes = Sizes(3, 24, 32, 2, 8)
    model = net.extract(BACKBONES["mixed"], sizes).eval()
    model(input_ids=batch.input_ids, labels=batch.labels, sparse_prediction=True).loss.backward()
    net(BACKBONES["mixed"], batch.input_ids, batch.labels, sizes).loss.backward()
    gradients = SuperNet(net.config, None, seed=0)
    with torch.no_grad():
        for name, weight in gradients.named_weights.items():
            weight.copy_(net.named_weights[name].grad)
    sliced = dict(gradients.extract(BACKBONES["mixed"], sizes).named_parameters())
    for name, weight in model.named_parameters():
        torch.testing.assert_close(sliced[name], weight.grad)
        # Beyond the slice there is none.
        assert gradients.named_weights[name].count_nonzero() == sliced[name].count_nonzero()


def test_sizes_and_branches_go_together(tiny_config: AutoBertZeroConfig, rows: MaskedRows) -> None:
    """A joint search: another branch in each layer, and sizes of its own."""
    net = SuperNet(LARGEST.config(tiny_config, BACKBONES["bert"]), BRANCHES, seed=0).eval()
    batch = rows.sample(0, 4, seed=0)
    sizes, layers = Sizes(2, 20, 36, 3, 8), ("conv(5)", "matmul(q, matmul(transpose(k), v))")
    inside = net(layers, batch.input_ids, batch.labels, sizes)
    outside = net.extract(layers, sizes).eval()(input_ids=batch.input_ids, labels=batch.labels, sparse_prediction=True)
    assert torch.equal(inside.logits, outside.logits)
    kernels = net.named_weights["autobert_zero.layers.0.convolution.kernels"]
    assert torch.equal(net.extract(layers, sizes).autobert_zero.layers[0].convolution.kernels, kernels[:3, 2:7])


def test_embeddings_of_another_width_are_slices_too(tiny_config: AutoBertZeroConfig, rows: MaskedRows) -> None:
    largest = AutoBertZeroConfig(**{**config(tiny_config, "mixed").to_dict(), "embedding_size": 24})
    net = SuperNet(largest, None, seed=0).eval()
    sizes = SizesSpace(*SizesSpace.within(LARGEST, "heads", 4, 4).steps.values(), embedding_size=Steps(8, 24, 4))
    batch = rows.sample(0, 4, seed=0)
    inputs = {"input_ids": batch.input_ids, "labels": batch.labels}
    for own in (sizes.smallest, sizes.largest, *(sizes.sample(random.Random(seed)) for seed in range(4))):
        layers = BACKBONES["mixed"][: own.num_hidden_layers]
        model = net.extract(layers, own).eval()
        assert torch.equal(net(layers, sizes=own, **inputs).logits, model(**inputs, sparse_prediction=True).logits)
        words = model.get_input_embeddings().weight
        assert torch.equal(
            words, net.named_weights["autobert_zero.embeddings.word_embeddings.weight"][:, : own.embedding_size]
        )
        assert model.config.embedding_size == own.embedding_size
        # What it learns goes back to where it came from.
        with torch.no_grad():
            model.autobert_zero.embeddings.projection.weight.fill_(7.0)
        net.absorb(layers, dict(model.named_parameters()), own)
        taken = net.named_weights["autobert_zero.embeddings.projection.weight"] == 7.0
        assert taken.sum() == own.hidden_size * own.embedding_size
        with torch.no_grad():
            net.named_weights["autobert_zero.embeddings.projection.weight"].fill_(0.1)


def test_what_is_absorbed_goes_back_to_its_place(tiny_config: AutoBertZeroConfig, backbone: str) -> None:
    net = SuperNet(config(tiny_config, backbone), None, seed=0)
    candidate = space(backbone, "heads").sample(random.Random(3))
    model = net.extract(candidate.layers, candidate.sizes)
    whole = {name: weight.detach().clone() for name, weight in net.named_weights.items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    net.absorb(candidate.layers, dict(model.named_parameters()), candidate.sizes)
    again = dict(net.extract(candidate.layers, candidate.sizes).named_parameters())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, again[name])
        assert (net.named_weights[name] != whole[name]).sum() <= weight.numel()


def test_a_child_of_other_sizes_takes_over_what_both_have(tiny_config: AutoBertZeroConfig, tmp_path: Path) -> None:
    net = SuperNet(config(tiny_config, "bert"), None, seed=0)
    here = Inheritance(net, InheritanceOptions(inherit_from="parent", write_back=True), tmp_path / "candidates")
    models = space("bert", "heads")
    parent = models.candidate(Sizes(2, 24, 64, 3, 16))
    trained = here.model_for(parent)
    with torch.no_grad():
        for weight in trained.parameters():
            weight.fill_(7.0)
    here.keep(parent, trained)
    child = here.model_for(models.candidate(Sizes(3, 32, 48, 2, 16), parent=parent.identity))
    query = child.autobert_zero.layers[1].attention.q_proj.weight
    assert query.shape == (32, 32)
    assert (query[:, :24] == 7).all() and not (query[:, 24:] == 7).any()
    up = child.autobert_zero.layers[0].mlp.up_proj.weight
    assert (up[:, :24] == 7).all() and not (up[:, 24:] == 7).any()
    assert not any((weight == 7).any() for weight in child.autobert_zero.layers[2].attention.parameters())
    # And the best of a generation leaves it in a copy of the super-net, in its place.
    here.end_generation([Evaluation(parent, 0.5, 0.1)])
    shared = here.net.named_weights["autobert_zero.layers.1.attention.q_proj.weight"]
    assert (shared[:48, :24] == 7).all() and not (shared[48:] == 7).any() and not (shared[:, 24:] == 7).any()
    assert not any((weight == 7).any() for weight in net.parameters())


def test_candidates_without_sizes_have_the_largest(tiny_config: AutoBertZeroConfig) -> None:
    net = SuperNet(config(tiny_config, "bert"), None, seed=0)
    plain = Candidate(BACKBONES["bert"])
    assert Sizes.of(net.extract(plain.layers, plain.sizes).config) == LARGEST
    with pytest.raises(ValueError, match="num_hidden_layers is 3, but layers has 2 lines"):
        net.extract(plain.layers[:2])
