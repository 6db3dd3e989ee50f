"""What is computed without padding is what is computed with it, and of each text what it is by itself."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.conversion import HEADS
from autobert_zero_hf.model import modeling_autobert_zero as modeling
from autobert_zero_hf.model import texts as of_texts
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.model.attention import AutoBertZeroAttention
from autobert_zero_hf.model.texts import Texts, without_padding
from tests.encoders import SIZES, make
from tests.graphs import random_graph, random_product

LINEAR = "matmul(q, matmul(transpose(k), v))"
EVERY_KIND = [
    BERT_ATTENTION, "conv(5)", LINEAR, f"window(4, {BERT_ATTENTION})", "dynamic_conv(3)", "fourier", "none",
    "heads(1, matmul(softmax(logsigmoid(matmul(q, transpose(k)))), v))",
    "matmul(logsigmoid(matmul(q, transpose(v))), v)",
]  # fmt: skip
LENGTHS = [40, 3, 17, 1, 0, 22]


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets as those of long texts are: several, of which each rule cuts some."""
    monkeypatch.setattr(of_texts, "SPARE", 6)
    monkeypatch.setattr(of_texts, "MOST", 60)


@contextmanager
def seen_texts() -> Iterator[list[Texts | None]]:
    """The texts that a model finds in its batches."""
    found: list[Texts | None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modeling, "without_padding", lambda mask: found.append(without_padding(mask)) or found[-1])
        yield found


@contextmanager
def padded_way() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modeling, "without_padding", lambda _: None)
        yield


def batch_of(lengths: Sequence[int], left: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """Random words, and padding that is another word each time."""
    tokens = max(lengths)
    ids = torch.randint(1, SIZES["vocab_size"], (len(lengths), tokens), generator=torch.Generator().manual_seed(seed))
    places, sizes = torch.arange(tokens)[None], torch.tensor(lengths)[:, None]
    mask = places >= tokens - sizes if left else places < sizes
    return {"input_ids": ids, "attention_mask": mask.long()}


def largest_difference(one: Tensor, other: Tensor, mask: Tensor) -> float:
    difference = (one - other)[mask.bool()].detach().abs()
    return float(difference.max()) if difference.numel() else 0.0


@pytest.mark.parametrize("positions", ["learned", "rotary", "none"])
@pytest.mark.parametrize("block", ["bert", "modernbert"])
def test_each_text_is_what_it_is_by_itself(block: str, positions: str) -> None:
    model, batch = make(EVERY_KIND, block=block, positions=positions).double(), batch_of(LENGTHS)
    with torch.no_grad(), seen_texts() as found:
        together = model(**batch).last_hidden_state
    assert found[0] is not None and len(found[0].buckets) > 2
    for row, length in enumerate(LENGTHS):
        if length:
            with torch.no_grad():
                alone = model(batch["input_ids"][row : row + 1, :length]).last_hidden_state[0]
            torch.testing.assert_close(together[row, :length], alone, rtol=1e-9, atol=1e-9)


def random_layers(rng: random.Random) -> list[str]:
    kinds: list[Callable[[], str]] = [
        lambda: str(random_graph(rng.getrandbits(32)).graph),
        lambda: str(random_product(rng.getrandbits(32)).graph),
        lambda: rng.choice(EVERY_KIND),
    ]
    lines = [rng.choice(kinds)() for _ in range(rng.randint(1, 3))]
    return [line + rng.choice(["", " + mlp(8)", *[" + none"] * (line != "none")]) for line in lines]


def gradients(model: AutoBertZeroModel, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
    outputs = model(**batch)
    weights = torch.randn(
        outputs.last_hidden_state.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    real = batch["attention_mask"].bool()
    filled = batch["attention_mask"].any(1)
    loss = (outputs.last_hidden_state * weights)[real].sum() + outputs.pooler_output[filled].sum()
    parameters = [each for each in model.parameters() if each.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return outputs.last_hidden_state, outputs.pooler_output[filled], list(found)


@settings(max_examples=60)
@given(
    st.integers(0, 2**31),
    st.lists(st.integers(0, 24), min_size=1, max_size=8).filter(any),
    st.booleans(),
    st.sampled_from(["bert", "pre_norm", "res_post_norm", "modernbert"]),
    st.sampled_from(["learned", "counted", "rotary"]),
)
@example(0, [24, 24, 1], False, "bert", "learned")
def test_outputs_and_gradients_are_those_of_the_padded_way(
    seed: int, lengths: list[int], left: bool, block: str, positions: str
) -> None:
    layers = random_layers(random.Random(seed))
    model = make(layers, block=block, positions=positions, classifier_pooling="mean").double()
    batch = batch_of(lengths, left, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autobert_zero_hf.model.texts.LEAST", 1)
        found = gradients(model, batch)
    with padded_way():
        wanted = gradients(model, batch)
    if not all(torch.isfinite(each).all() for each in wanted[2]):
        return
    assert largest_difference(found[0], wanted[0], batch["attention_mask"]) < 1e-9 * max(
        1, float(wanted[0].abs().max())
    )
    torch.testing.assert_close(found[1], wanted[1], rtol=1e-9, atol=1e-9)
    for one, other in zip(found[2], wanted[2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_formulas_see_their_own_text_alone(count: int) -> None:
    """A layer of each formula on a batch that is mostly padding, beside the padded way."""
    batch = batch_of([9, 2, 9, 30, 0, 1])
    for seed in range(count):
        graph = (random_graph if seed % 2 else random_product)(seed).graph
        model = make([f"{graph} + none"]).double()
        with torch.no_grad(), seen_texts() as found:
            ours = model(**batch).last_hidden_state
        assert found[0] is not None
        with torch.no_grad(), padded_way():
            theirs = model(**batch).last_hidden_state
        assert largest_difference(ours, theirs, batch["attention_mask"]) < 1e-9, str(graph)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_head_says_the_same(head: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    config = AutoBertZeroConfig(layers=EVERY_KIND, initializer_range=0.2, **SIZES)
    model, batch = HEADS[head](config).eval().to(dtype), batch_of([40, 5, 18, 1, 22, 22])
    real = batch["attention_mask"].bool()
    if head == "ForMultipleChoice":
        batch = {name: each.view(3, 2, -1) for name, each in batch.items()}
    with torch.no_grad(), seen_texts() as found:
        ours = model(**batch)
    with torch.no_grad(), padded_way():
        theirs = model(**batch)
    assert found[0] is not None
    for name, value in theirs.items():
        whole = value.shape[:2] != real.shape
        one, other = (each if whole else each[real] for each in (ours[name], value))
        # Of all numbers together: single ones in bfloat16 are off by more.
        assert (one - other).norm() < (1e-5 if dtype == torch.float32 else 0.05) * other.norm(), name


def test_only_real_tokens_pass_through_projections_and_feed_forward_blocks() -> None:
    model, batch = make([BERT_ATTENTION, "conv(3)"]), batch_of(LENGTHS)
    counts: list[int] = []

    def counted(module: nn.Linear) -> Callable[[Tensor], Tensor]:
        forward = module.forward

        def count(x: Tensor) -> Tensor:
            counts.append(x.shape[:-1].numel())
            return forward(x)

        return count

    for linear in (model.layers[0].attention.q_proj, model.layers[0].mlp.up_proj, model.layers[1].mlp.down_proj):
        linear.forward = counted(linear)  # type: ignore[method-assign]
    model(**batch)
    assert counts == [sum(LENGTHS)] * 3


def test_the_padded_way_is_taken_where_it_must_be() -> None:
    model, batch = make(EVERY_KIND[:2]), batch_of([40, 4, 9])
    hole = batch["attention_mask"].clone()
    hole[0, 5] = 0
    left = batch_of([40, 4, 9], left=True)["attention_mask"]
    whole = torch.ones_like(hole)
    for mask in (hole, left, whole):  # the first token of a text that is padded on the left is no token
        with seen_texts() as found:
            model(batch["input_ids"], attention_mask=mask)
        assert all(each is None for each in found)
    with seen_texts() as found:
        states = model(**batch, output_hidden_states=True).hidden_states
    assert not found and all(each.shape == (3, 40, SIZES["hidden_size"]) for each in states)
    with seen_texts() as found:
        model(**batch)
    assert found[0] is not None, "the hooks that collected hidden states are still there, and collect none"
    shapes = []
    handle = model.layers[1].mlp.up_proj.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape))
    with seen_texts() as found:
        model(**batch)
    assert not found and shapes == [(3, 40, SIZES["hidden_size"])]
    handle.remove()
    model.set_attn_implementation("eager")
    with seen_texts() as found:
        assert model(**batch, output_attentions=True).attentions[0].shape == (3, 3, 40, 40)
    assert not found


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_module_that_reads_no_texts_gets_them_bucket_by_bucket(
    positions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of another package does, which has a class of its own."""
    model = make([BERT_ATTENTION, LINEAR], positions=positions).double()
    batch, seen = batch_of(LENGTHS), []
    real = AutoBertZeroAttention.forward
    with torch.no_grad():
        wanted = model(**batch).last_hidden_state

        def forward(self: AutoBertZeroAttention, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
            assert "texts" not in kwargs
            seen.append(tuple(hidden_states.shape[:2]))
            return real(self, hidden_states, *args, **kwargs)

        monkeypatch.setattr(AutoBertZeroAttention, "reads_texts", False)
        monkeypatch.setattr(AutoBertZeroAttention, "forward", forward)
        torch.testing.assert_close(model(**batch).last_hidden_state, wanted, rtol=1e-9, atol=1e-9)
    assert len(seen) > 4 and all(count * length < batch["input_ids"].numel() for count, length in seen)


def side_by_side(lengths: Sequence[int]) -> tuple[Tensor, dict[str, dict[str, Any]]]:
    ids = torch.randint(1, SIZES["vocab_size"], (1, sum(lengths)), generator=torch.Generator().manual_seed(0))
    ends = torch.tensor([0, *lengths]).cumsum(0).int()
    return ids, {
        "position ids": {"position_ids": torch.cat([torch.arange(each) for each in lengths])[None]},
        "cumulated lengths": {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": max(lengths)},
        "numbers": {"seq_idx": torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))[None].int()},
    }


@pytest.mark.parametrize("said", ["position ids", "cumulated lengths", "numbers"])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("layer", EVERY_KIND, ids=lambda line: line[:24])
def test_texts_side_by_side_in_a_row_do_not_see_one_another(layer: str, implementation: str, said: str) -> None:
    lengths = [7, 20, 3, 10]
    model = make([layer, BERT_ATTENTION]).double()
    model.set_attn_implementation(implementation)
    ids, ways = side_by_side(lengths)
    with torch.no_grad():
        alone = torch.cat([model(each).last_hidden_state for each in ids.split(lengths, 1)], 1)
        together = model(ids, **ways[said]).last_hidden_state
        states = model(ids, **ways[said], output_hidden_states=True).hidden_states
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(states[-1], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("said", ["cumulated lengths", "numbers"])
def test_a_compiled_program_honours_them(said: str) -> None:
    """One for any texts, so of masks: other lengths need no other program. What sums over tokens refuses, as always."""
    kinds = [line for line in EVERY_KIND if make([line]).without_pairs is None]
    assert len(kinds) > 3
    model = make([*kinds, BERT_ATTENTION])
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for lengths in ([7, 20, 3, 10], [15, 15, 9, 1]):
        ids, ways = side_by_side(lengths)
        with torch.no_grad():
            alone = torch.cat([model(each).last_hidden_state for each in ids.split(lengths, 1)], 1)
            torch.testing.assert_close(compiled(ids, **ways[said]).last_hidden_state, alone, rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match=r"the input has the shape \(2, 20\): give \(1, tokens\)"):
            torch.compile(model, backend="eager")(ids.view(2, 20), **ways[said])


def test_other_positions_are_positions_alone() -> None:
    model, ids = make([BERT_ATTENTION]), torch.arange(1, 9)[None]
    with torch.no_grad():
        usual = model(ids).last_hidden_state
        for positions in ([0, 1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 0, 1, 2, 6, 7], [0, 1, 2, 0, 5, 6, 7, 8]):
            other = model(ids, position_ids=torch.tensor([positions])).last_hidden_state
            # A word sees all others: the first changes with the last one's.
            changed = ids.clone()
            changed[0, -1] = 20
            seen = model(changed, position_ids=torch.tensor([positions])).last_hidden_state
            assert (other - seen)[0, 0].abs().max() > 1e-4
            assert torch.equal(other, usual) is (positions == list(range(8)))


def test_what_cannot_be_honoured_is_refused() -> None:
    model = make(EVERY_KIND)
    ids, ways = side_by_side([7, 20, 3, 10])
    ends = ways["cumulated lengths"]
    for inputs, reason in (
        ({"input_ids": ids.view(2, 20), **ends}, r"side by side in one row, and the input has the shape \(2, 20\)"),
        (
            {"input_ids": ids, "cu_seq_lens_q": torch.tensor([0, 45, 40])},
            "falls somewhere: give where texts end.* to 40",
        ),
        ({"input_ids": ids[:, :-1], **ends}, r"4 texts with 40 tokens in all.*give \(1, 40\)"),
        ({"input_ids": ids, **ends, "attention_mask": (ids > 3).long()}, "take no attention_mask"),
        ({"input_ids": ids, **ends, "output_attentions": True}, "have no attention weights"),
        ({"input_ids": ids, **ends, "cu_seq_lens_k": torch.tensor([0, 40]).int()}, "tell of texts of other lengths"),
    ):
        with pytest.raises(ValueError, match=reason):
            model(**inputs)


def test_dropout_hides_real_tokens_as_often() -> None:
    """The share of features that dropout leaves at nought, in a model of embeddings and one layer without weights."""
    model, batch = make(["none"], hidden_dropout_prob=0.3).train(), batch_of([40, 8, 8, 8])
    model.layers[0].mlp_norm = nn.Identity()  # type: ignore[assignment]
    nn.init.zeros_(model.layers[0].mlp.down_proj.weight)
    nn.init.zeros_(model.layers[0].mlp.down_proj.bias)
    real = batch["attention_mask"].bool()
    dropped = torch.stack([(model(**batch).last_hidden_state[real] == 0).float().mean() for _ in range(30)])
    assert abs(float(dropped.mean()) - 0.3) < 0.01


def test_without_positions_each_text_side_by_side_begins_at_the_first() -> None:
    lengths = [7, 20, 3, 10]
    model, (ids, ways) = make([BERT_ATTENTION], max_position_embeddings=20), side_by_side(lengths)
    with torch.no_grad():
        together = model(ids, **ways["cumulated lengths"]).last_hidden_state
        assert torch.equal(together, model(ids, **ways["cumulated lengths"], **ways["position ids"]).last_hidden_state)
    with pytest.raises(ValueError, match="40 tokens are more than this model has positions for"):
        model(ids)


def test_hidden_states_that_the_configuration_asks_for_are_those_of_whole_rows() -> None:
    model, batch = make([BERT_ATTENTION], output_hidden_states=True), batch_of([40, 4, 9])
    assert all(each.shape == (3, 40, SIZES["hidden_size"]) for each in model(**batch).hidden_states)


def test_labels_on_padding_do_no_more_harm_than_ever() -> None:
    """A common mistake, which the padded way forgives."""
    torch.manual_seed(0)
    config = AutoBertZeroConfig(layers=[BERT_ATTENTION], **SIZES)
    model, batch = HEADS["ForMaskedLM"](config).eval(), batch_of([40, 5, 9])
    norms = []
    for way in (seen_texts, padded_way):
        with way():
            model(**batch, labels=batch["input_ids"]).loss.backward()
        norms.append(torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None]).norm())
        model.zero_grad()
    assert torch.isfinite(norms[0]) and norms[0] < 3 * norms[1]


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model, batch = make(EVERY_KIND, classifier_pooling="mean", **without).double().train(), batch_of(LENGTHS)
    found = gradients(model, batch)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    again = gradients(model, batch)
    for one, other in zip(found[2], again[2], strict=True):
        torch.testing.assert_close(one, other)


def test_a_module_of_somebody_s_own_gets_whole_rows() -> None:
    """One that knows nothing of texts: a mean over real tokens, as its forward pass has always been called."""

    class Means(nn.Module):
        def forward(self, hidden_states: Tensor, kernel_mask: Any, mask: Tensor | None, **kwargs: Any) -> Tensor:
            assert "texts" not in kwargs
            weights = (
                torch.ones_like(hidden_states[..., :1]) if mask is None else mask[..., None].to(hidden_states.dtype)
            )
            return ((hidden_states * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)).expand_as(
                hidden_states
            )

    model, batch = make(["conv(3)"], positions="rotary").double(), batch_of([30, 28, 5, 3])
    model.layers[0].convolution = Means()
    with torch.no_grad(), seen_texts() as found:
        ours = model(**batch).last_hidden_state
    assert found[0] is not None
    with torch.no_grad(), padded_way():
        theirs = model(**batch).last_hidden_state
    assert largest_difference(ours, theirs, batch["attention_mask"]) < 1e-12
