"""Blocks and positions, against what they are by definition; and a block that is registered."""

from collections.abc import Iterator

import pytest
import torch
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.supernet.supernet import SuperNet
from torch import Tensor, nn

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
)
from autobert_zero_hf.model import block as table
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.block import Block
from autobert_zero_hf.model.block_pre_norm import PreNormBlock
from autobert_zero_hf.model.cost import layer_cost, masked_lm_parameters, model_parameters
from autobert_zero_hf.model.rotary import angles, rotated
from tests.encoders import SIZES, encode, make, random_ids
from tests.graphs import BRANCHES


@pytest.fixture
def ids() -> Tensor:
    return random_ids(9)


@pytest.fixture
def gated() -> Iterator[str]:
    @table.register
    class Gated(PreNormBlock):
        name = "gated"
        positions = "rotary"
        gated = True
        bias = False

    yield Gated.name
    table.unregister(Gated.name)


SUBLAYERS = {
    "bert": lambda x, norm, compute: norm(x + compute(x)),
    "modernbert": lambda x, norm, compute: x + compute(norm(x)),
    "pre_norm": lambda x, norm, compute: x + compute(norm(x)),
    "res_post_norm": lambda x, norm, compute: x + norm(compute(x)),
}


def test_norms_stand_where_the_block_says(ids: Tensor) -> None:
    layers = ["conv(3)", "none", "conv(5) + none"]
    assert SUBLAYERS.keys() == table.BLOCKS.keys()
    for name, sublayer in SUBLAYERS.items():
        model = make(layers, block=name)
        with torch.no_grad():
            x, _ = model.embeddings(ids, None, None, None)
            for layer in model.layers:
                for norm, part in (("mixer_norm", "convolution"), ("mlp_norm", "mlp")):
                    if hasattr(layer, part):
                        x = sublayer(x, getattr(layer, norm), getattr(layer, part))
            wanted = x if name == "bert" else model.final_norm(x)
        assert torch.equal(encode(model, ids), wanted)
        assert hasattr(model, "final_norm") is (name != "bert")
        assert isinstance(model.layers[0].mixer_norm, nn.Identity) is (name == "modernbert")


def test_the_last_hidden_states_are_those_after_the_last_norm(ids: Tensor) -> None:
    outputs = make(["conv(3)"] * 2, block="pre_norm")(ids, output_hidden_states=True)
    assert len(outputs.hidden_states) == 3
    assert torch.equal(outputs.hidden_states[-1], outputs.last_hidden_state)


@pytest.mark.parametrize("head_dim", [1, 6, 7])
def test_rotations_are_those_of_complex_numbers(head_dim: int) -> None:
    x = torch.randn(2, 3, 5, head_dim, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([[0, 1, 2, 3, 4], [7, 0, 2, 9, 1]])
    pairs = head_dim // 2
    turns = places[:, None, :, None] * 100.0 ** -(torch.arange(pairs) / max(1, pairs))
    numbers = torch.complex(x[..., :pairs], x[..., pairs : 2 * pairs]) * torch.polar(torch.ones_like(turns), turns)
    wanted = torch.cat([numbers.real, numbers.imag, x[..., 2 * pairs :]], -1)
    found = rotated(x, *angles(places, head_dim, 100.0, x.dtype))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_rotary_attention_sees_distances_alone(ids: Tensor, implementation: str) -> None:
    layers = [BERT_ATTENTION, f"window(3, {BERT_ATTENTION})", "matmul(matmul(q, transpose(k)), v)"]
    model = make(layers, positions="rotary")
    model.set_attn_implementation(implementation)
    assert not any("position_embeddings" in name for name, _ in model.named_parameters())
    places = torch.arange(9)[None]
    near = encode(model, ids)
    torch.testing.assert_close(encode(model, ids, position_ids=places + 1000), near, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(encode(model, ids, position_ids=2 * places), near, atol=1e-2)
    padded = torch.nn.functional.pad(ids, (4, 3))
    found = encode(model, padded, attention_mask=(padded > 0).long())[:, 4:13]
    torch.testing.assert_close(found, near, rtol=1e-3, atol=1e-4)
    long = torch.ones(1, 150, dtype=torch.long)  # no table ends
    assert encode(model, long).shape == (1, 150, 24)


def test_formulas_that_compare_no_query_with_a_key_have_nothing_of_rotary_positions(ids: Tensor) -> None:
    sees_none = [
        "matmul(q, matmul(transpose(v), k))",
        "matmul(softmax(matmul(q, transpose(v))), v)",
        "add(matmul(softmax(matmul(q, transpose(q))), v), k)",
    ]
    sees = [
        "matmul(matmul(q, matmul(transpose(k), v)), matmul(transpose(q), k))",
        "matmul(cosine_similarity(k, add(v, q)), v)",
    ]
    for formula in [*sees_none, *sees]:
        model = make([formula], positions="rotary")
        blind = make([formula], positions="none")
        assert torch.equal(encode(model, ids), encode(blind, ids)) is (formula in sees_none), formula


@pytest.mark.parametrize("options", [{}, {"embedding_size": 8}])
def test_a_masked_lm_checkpoint_opens_as_a_classifier(options: dict, ids: Tensor, tmp_path: object) -> None:
    config = AutoBertZeroConfig(layers=["conv(3)"], block="modernbert", classifier_pooling="first", **SIZES, **options)
    AutoBertZeroForMaskedLM(config).save_pretrained(tmp_path)
    model, info = AutoBertZeroForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    anew = {name.partition(".")[0] for name in info["missing_keys"]}
    assert anew == ({"classifier"} if not options else {"classifier", "transformation"})
    assert model(ids).logits.shape == (2, 2)
    pairs = torch.ones(1, 1, 9, 9, dtype=torch.bool)  # one mask for all texts
    assert torch.equal(model.eval()(ids, attention_mask=pairs).logits, model(ids).logits)
    with pytest.raises(ValueError, match=r"inputs_embeds of shape \(2, 9, 5\): the embeddings of this model are"):
        model(inputs_embeds=torch.ones(2, 9, 5))


def test_a_window_may_turn_by_a_base_of_its_own(ids: Tensor) -> None:
    layers = [BERT_ATTENTION, f"window(9, {BERT_ATTENTION})"]  # which sees all of these tokens
    one, other = (make(layers, positions="rotary", rope_theta=20.0, local_rope_theta=base) for base in (None, 300.0))
    swapped = make(layers[::-1], positions="rotary", rope_theta=300.0, local_rope_theta=20.0)
    swapped.load_state_dict(other.state_dict())
    with torch.no_grad():
        found = other(ids, output_hidden_states=True).hidden_states
        same = one(ids, output_hidden_states=True).hidden_states
        assert torch.equal(found[1], same[1]) and not torch.allclose(found[2], same[2], atol=1e-3)
        torch.testing.assert_close(swapped(ids).last_hidden_state, found[2])


def test_without_positions_a_backbone_of_attentions_does_not_see_the_order(ids: Tensor) -> None:
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    for positions, same in (("none", True), ("learned", False)):
        model = make([BERT_ATTENTION] * 2, positions=positions)
        assert torch.allclose(encode(model, ids[:, order]), encode(model, ids)[:, order], atol=1e-5) is same


@pytest.mark.parametrize("positions", [None, "rotary", "none"])
@pytest.mark.parametrize("name", [*SUBLAYERS, "gated"])
def test_costs_are_those_of_the_modules(name: str, positions: str | None, gated: str) -> None:
    layers = [BERT_ATTENTION, "conv(3) + mlp(7)", "dynamic_conv(3) + none", "none"]
    config = AutoBertZeroConfig(layers=layers, block=name, positions=positions, **SIZES)
    with torch.device("meta"):
        model, with_head = AutoBertZeroModel(config), AutoBertZeroForMaskedLM(config)
    for text, layer in zip(layers, model.layers, strict=True):
        cost = layer_cost(text, config, tokens=16)
        counted = sum(parameter.numel() for parameter in layer.parameters())
        if isinstance(getattr(layer, "mixer_norm", None), nn.Identity):
            counted += SIZES["hidden_size"]
        assert cost.parameters == counted
        linear = sum(module.weight.numel() for module in layer.modules() if isinstance(module, torch.nn.Linear))
        assert cost.operations >= linear
    assert model_parameters(config) == model.num_parameters()
    assert masked_lm_parameters(config) == with_head.num_parameters()


def test_a_registered_block_is_searched_saved_and_loaded(gated: str, ids: Tensor, tmp_path: object) -> None:
    """A gated feed-forward block, no biases, rotary positions."""
    config = AutoBertZeroConfig(layers=[BERT_ATTENTION] * 2, block=gated, **SIZES)
    net = SuperNet(config, BRANCHES, seed=0).eval()
    assert not any("layers" in name and name.endswith("bias") for name in net.named_weights)
    smaller = Sizes(1, 16, 12, 2, 4)
    for layers, sizes in ((["conv(5)", "none + mlp(9)"], None), ([BERT_ATTENTION], smaller)):
        alone = net.extract(layers, sizes).eval()
        with torch.no_grad():
            inside = net(layers, ids, ids, sizes)
            assert torch.equal(inside.loss, alone(input_ids=ids, labels=ids).loss)
    mlp = alone.base_model.layers[0].mlp
    x = torch.randn(2, 16)
    wanted = mlp.down_proj(mlp.activation(mlp.up_proj(x)) * mlp.gate_proj(x))
    assert torch.equal(mlp(x), wanted)
    alone.save_pretrained(tmp_path)
    again = AutoBertZeroForMaskedLM.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(again(ids).logits, alone(ids).logits)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"block": "post"}, "unknown block 'post': known are bert, modernbert, pre_norm"),
        ({"positions": "counted", "pad_token_id": None}, "are those of tokens that are no padding: give pad_token_id"),
        ({"local_rope_theta": -1}, "local_rope_theta must be more than 0, not -1"),
        ({"block": "pre_norm", "rope_theta": 0}, "rope_theta must be more than 0, not 0"),
        ({"positions": "absolute"}, "positions"),
    ],
)
def test_what_is_not_known_is_refused(options: dict, said: str) -> None:
    with pytest.raises(Exception, match=said):
        AutoBertZeroConfig(layers=["conv(3)"], **options)


def test_a_row_is_checked_when_it_is_registered() -> None:
    for name, positions, said in (("bert", "learned", "registered already"), ("new", "sines", "positions are one of")):
        row = type("Row", (PreNormBlock,), {"name": name, "positions": positions})
        with pytest.raises(ValueError, match=said):
            table.register(row)
    with pytest.raises(KeyError, match="unknown block 'x': known are bert, modernbert, pre_norm"):
        table.find_block("x")
    with pytest.raises(TypeError, match="abstract"):
        Block()  # type: ignore[abstract]
