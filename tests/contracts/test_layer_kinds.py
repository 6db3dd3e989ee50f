"""What every kind of layer keeps, whoever wrote it: the kinds come from the table."""

import random

import pytest
import torch
from autobert_zero_hf.search.latency.features import count_work
from autobert_zero_hf.search.space.layer_types import read_layer_types
from autobert_zero_hf.search.space.mutation import USUAL_MUTATIONS
from autobert_zero_hf.search.space.search_space import SearchSpace
from autobert_zero_hf.search.space.sizes import Sizes
from autobert_zero_hf.search.supernet.supernet import SuperNet
from torch import Tensor

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroModel
from autobert_zero_hf.model import FormulaError, backbone_identity, parse_layer
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.card import describe_backbone
from autobert_zero_hf.model.cost import layer_cost
from autobert_zero_hf.model.graph import AttentionGraph
from autobert_zero_hf.model.layers import NoMixer
from autobert_zero_hf.model.mixers import KINDS, register
from autobert_zero_hf.model.weights import HIDDEN, Linear
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg
from tests.encoders import encode, make, random_ids

TOKENS = 70
"""More than a block of any kind that works block by block."""


def line(kind: str, largest: bool) -> str:
    """A kind with the largest or the smallest of the numbers that a search gives it."""
    (layer_type,) = read_layer_types([kind], (3, 9)).values()
    numbers = {name: (max if largest else min)(values) for name, values in layer_type.choices.items()}
    graph = AttentionGraph.parse(BERT_ATTENTION) if layer_type.kind.takes_formula else None
    return str(layer_type.kind.of(numbers, graph))


LINES = list(dict.fromkeys(line(kind, largest) for kind in KINDS for largest in (False, True)))


@pytest.fixture
def ids() -> Tensor:
    return random_ids(TOKENS)


@pytest.mark.parametrize("name", KINDS)
def test_lines_are_read_as_they_are_written(name: str) -> None:
    kind = KINDS[name]
    for text in (kind.example, line(name, largest=True)):
        layer = parse_layer(text)
        assert type(layer.mixer) is kind
        assert str(layer) == text
        assert parse_layer(f"  {text} ") == layer
        assert str(parse_layer(f"{text}+mlp( 7 )")) == f"{text} + mlp(7)"
        assert backbone_identity([f"{text} + mlp(7)"]) not in (
            backbone_identity([text]),
            backbone_identity(["conv(5)"]),
        )
    if kind.word:
        with pytest.raises(FormulaError, match="in lower case"):
            parse_layer(kind.example.upper())
        with pytest.raises(FormulaError, match="a layer of its own"):
            parse_layer(f"add(q, {kind.example})")
        with pytest.raises(FormulaError) as caught:
            parse_layer(f"{kind.word}({'9' * 4000}")
        assert len(str(caught.value)) < 800


@pytest.mark.parametrize("text", LINES)
def test_weights_and_costs_are_those_of_the_module(text: str) -> None:
    model, mixer = make([text, text]), parse_layer(text).mixer
    layer, config = model.layers[0], model.config
    if not mixer.left_out:
        named = {name.removesuffix(".weight") for name, _ in layer.get_submodule(mixer.module).named_parameters()}
        assert {name for name in named if not name.endswith(".bias")} == set(mixer.own_weights)
    cost = layer_cost(text, config, TOKENS)
    assert cost.parameters == sum(parameter.numel() for parameter in layer.parameters())
    linear = sum(module.weight.numel() for module in layer.modules() if isinstance(module, torch.nn.Linear))
    assert cost.operations == linear + mixer.work(config, TOKENS).operations // TOKENS
    short, long = (sum(count_work([text], Sizes.of(config), 1, tokens)) for tokens in (TOKENS, 2 * TOKENS))
    assert 0 < short < long


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_padding_on_any_side_changes_nothing_for_real_tokens(text: str, implementation: str, ids: Tensor) -> None:
    model = make([text, text])
    model.set_attn_implementation(implementation)
    alone = encode(model, ids)
    for before, after in ((0, 23), (5, 41)):
        padded = torch.nn.functional.pad(ids, (before, after))
        mask = torch.nn.functional.pad(torch.ones_like(ids), (before, after))
        places = (mask.cumsum(1) - 1).clamp_min(0)
        for filler in (0, 9):
            filled = padded.where(mask.bool(), torch.full_like(padded, filler))
            found = encode(model, filled, attention_mask=mask, position_ids=places)[:, before : before + TOKENS]
            torch.testing.assert_close(found, alone, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("text", LINES)
def test_implementations_agree_and_a_mask_of_pairs_is_kept_or_refused(text: str, ids: Tensor) -> None:
    model = make([text, text])
    fast = encode(model, ids)
    pairs = torch.block_diag(torch.ones(30, 30), torch.ones(TOKENS - 30, TOKENS - 30)).bool()[None, None]
    places = torch.cat([torch.arange(30), torch.arange(TOKENS - 30)])[None]
    takes = parse_layer(text).mixer.takes_pairs
    for implementation in ("sdpa", "eager"):
        model.set_attn_implementation(implementation)
        torch.testing.assert_close(encode(model, ids), fast, rtol=1e-4, atol=2e-5)
        if not takes:
            with pytest.raises(FormulaError, match="layer 1 has no meaning under a pairwise attention_mask"):
                encode(model, ids, attention_mask=pairs, position_ids=places)
            continue
        packed = encode(model, ids, attention_mask=pairs, position_ids=places)
        apart = torch.cat([encode(model, ids[:, :30]), encode(model, ids[:, 30:])], 1)
        torch.testing.assert_close(packed, apart, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("text", LINES)
def test_a_token_depends_on_others_as_the_kind_says(text: str, ids: Tensor) -> None:
    model = make([text, text])
    changed = ids.clone()
    changed[:, 0] = ids[:, 0] % 39 + 1
    difference = (encode(model, ids) - encode(model, changed)).abs().amax(-1)
    assert (difference[:, 0] > 1e-4).all()
    assert (difference[:, 1] > 1e-6).all() == parse_layer(text).mixer.mixes_tokens


@pytest.mark.parametrize("text", LINES)
def test_every_weight_learns_and_the_compiled_layer_computes_the_same(text: str, ids: Tensor) -> None:
    model = make([text, text], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
    (model(input_ids=ids).last_hidden_state[..., 0] ** 3).sum().backward()
    for name, parameter in model.layers[0].named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # The softmax over a row does not see a constant, which is all that the bias of keys adds.
        assert parameter.grad.abs().max() > 0 or name.endswith("k_proj.bias"), name


@pytest.mark.parametrize("text", [f"{text}{own}" for text in LINES for own in ("", " + mlp(9)")])
def test_people_can_read_it(text: str) -> None:
    layer = parse_layer(text)
    drawn = to_svg(draw_backbone([text]))
    assert layer.mixer.colour in drawn
    written = to_latex(text)
    assert written.count("{") == written.count("}") > 0 or written == "X"
    assert ("FFN" in written) is (layer.feed_forward is not None)
    with torch.device("meta"):
        card = describe_backbone(AutoBertZeroModel(AutoBertZeroConfig(layers=[text])))
    assert layer.mixer.about in card
    assert ("After a plus" in card) is (layer.feed_forward is not None)


SPACE = SearchSpace(
    3,
    (3, 9),
    layer_types=tuple(KINDS),
    feed_forward=("config", "none", "mlp(9)", "mlp(30)"),
    max_operations=6,
)


def test_mutations_reach_all_kinds_and_feed_forward_blocks() -> None:
    """From a backbone of plain attentions, in a space of all kinds."""
    rng = random.Random(0)
    candidate = SPACE.sample(rng)
    seen, blocks = set(), set()
    wanted = set(KINDS), {"None", "none", "mlp(9)", "mlp(30)"}
    for _ in range(300):
        if (seen, blocks) == wanted:
            break
        candidate = USUAL_MUTATIONS.graph(USUAL_MUTATIONS.layout(candidate, SPACE, rng), SPACE, rng)
        assert SPACE.rejection(candidate) is None
        layers = [parse_layer(text) for text in candidate.layers]
        seen |= {layer.mixer.kind for layer in layers}
        blocks |= {str(layer.feed_forward) for layer in layers}
    assert (seen, blocks) == wanted


def test_a_super_net_of_all_kinds_runs_what_it_extracts() -> None:
    config = AutoBertZeroConfig(
        layers=[BERT_ATTENTION] * 3,
        hidden_size=24,
        num_attention_heads=3,
        head_dim=6,
        intermediate_size=20,
        vocab_size=40,
        max_position_embeddings=TOKENS,
    )
    net = SuperNet(config, SPACE.branches(config.intermediate_size), seed=0).eval()
    names = {name.removeprefix("autobert_zero.layers.1.") for name in net.named_weights}
    for kind in KINDS.values():
        assert {f"{kind.module}.{name}" for name in kind.weights} <= {name.removesuffix(".weight") for name in names}
    assert net.named_weights["autobert_zero.layers.1.mlp.up_proj.weight"].shape == (30, 24)
    rng = random.Random(1)
    rows = torch.randint(1, 40, (2, 40), generator=torch.Generator().manual_seed(1))
    for _ in range(8):
        layers = SPACE.sample(rng).layers
        with torch.no_grad():
            inside = net(layers, rows, rows).loss
            alone: AutoBertZeroForMaskedLM = net.extract(layers).eval()
            assert torch.equal(inside, alone(input_ids=rows, labels=rows).loss), layers


def test_a_kind_that_computes_nothing_or_takes_what_is_anothers_is_refused() -> None:
    idle = type("Idle", (NoMixer,), {"kind": "idle", "word": "idle", "left_out": False})
    with pytest.raises(ValueError, match="layer kind 'idle' computes nothing: give it a method `mix`"):
        register(idle)
    for changed, said in (
        ({"kind": "convolution", "word": "new"}, "layer kind 'convolution' is registered already"),
        ({"word": "conv"}, "the word 'conv' means something else already"),
        ({"word": "matmul"}, "the word 'matmul' means something else already"),
        ({"word": "New"}, "'New' cannot begin a line"),
        ({"kind": "new kind"}, "'new kind' cannot name a layer kind"),
        ({"module": "attention", "weights": {"q_proj": Linear(HIDDEN, HIDDEN)}}, "attention.q_proj has other axes"),
    ):
        row = type("Row", (NoMixer,), {"kind": "new", "word": "new", "mix": lambda *_: None, **changed})
        with pytest.raises(ValueError, match=said):
            register(row)
    assert "new" not in KINDS
