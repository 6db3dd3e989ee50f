"""One suite for all heads: inputs, padding, pairwise masks, losses, tied weights, one checkpoint for all."""

from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn import functional as F

from autobert_zero_hf import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForMultipleChoice,
    AutoBertZeroForNextSentencePrediction,
    AutoBertZeroForPreTraining,
    AutoBertZeroForQuestionAnswering,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
    AutoBertZeroModel,
    AutoBertZeroPreTrainedModel,
    architecture,
    conversion,
)
from autobert_zero_hf.model import AUTO_MAP
from tests.model.test_modeling import EVERY_PLAN, config_with

HEADS = list(conversion.HEADS.values())
BACKBONES = {"hybrid": EVERY_PLAN, "attention": architecture("bert", 2), "convolution": ["conv(3)", "conv(65)"]}
LENGTHS = (10, 6, 1)


@pytest.fixture(params=HEADS, ids=lambda head: head.__name__.removeprefix("AutoBertZero"))
def head(request: pytest.FixtureRequest) -> type[AutoBertZeroPreTrainedModel]:
    return request.param


@pytest.fixture(params=BACKBONES)
def config(request: pytest.FixtureRequest, tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    return config_with(tiny_config, BACKBONES[request.param], num_labels=3)


def perturbed(head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig) -> AutoBertZeroPreTrainedModel:
    """A model in which every weight matters."""
    model = head(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model


def batch_of(config: AutoBertZeroConfig) -> dict[str, Tensor]:
    """Three rows of different lengths, the second text from the middle on."""
    tokens = max(LENGTHS)
    places = torch.arange(tokens)[None]
    return {
        "input_ids": torch.randint(5, config.vocab_size, (len(LENGTHS), tokens)),
        "attention_mask": (places < torch.tensor(LENGTHS)[:, None]).long(),
        "token_type_ids": (places >= torch.tensor(LENGTHS)[:, None] // 2).long(),
        "position_ids": places.expand(len(LENGTHS), -1).contiguous(),
    }


def answers(model: AutoBertZeroPreTrainedModel, batch: dict[str, Tensor]) -> list[Tensor]:
    """What a head says: (rows, ...) each; of all choices of one question where it chooses."""
    if isinstance(model, AutoBertZeroForMultipleChoice):
        return [model(**{name: tensor[None] for name, tensor in batch.items()}).logits[0]]
    outputs = model(**batch)
    return [value for value in outputs.values() if isinstance(value, Tensor)]


def places_of(answer: Tensor, tokens: int, row: int, kept: slice) -> Tensor:
    """One row of an answer; where it is one for each token, those of the real tokens."""
    per_token = answer.dim() > 1 and answer.shape[1] == tokens
    return answer[row, kept] if per_token else answer[row]


@pytest.mark.parametrize(("implementation", "side"), [("sdpa", "left"), ("eager", "right")])
def test_padding_changes_no_answer(
    head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig, implementation: str, side: str
) -> None:
    for pooling in ("cls", "mean") if side == "right" else ("mean",):  # with padding before it, "cls" takes the padding
        model = perturbed(head, config_with(config, config.layers, classifier_pooling=pooling))
        model.set_attn_implementation(implementation)
        batch = batch_of(config)
        tokens = batch["input_ids"].shape[1]
        if side == "left":
            shifts = [tokens - length for length in LENGTHS]
            batch = {
                name: torch.stack([row.roll(shift) for row, shift in zip(tensor, shifts, strict=True)])
                for name, tensor in batch.items()
            }
        with torch.no_grad():
            together = answers(model, batch)
            for row, length in enumerate(LENGTHS):
                kept = slice(0, length) if side == "right" else slice(tokens - length, tokens)
                alone = {name: tensor[row : row + 1, kept] for name, tensor in batch.items()}
                del alone["attention_mask"]
                for padded, wanted in zip(together, answers(model, alone), strict=True):
                    torch.testing.assert_close(
                        places_of(padded, tokens, row, kept), wanted[0], rtol=1e-4, atol=1e-5, msg=f"{pooling} {row}"
                    )


def test_texts_packed_in_one_row_answer_as_alone(config: AutoBertZeroConfig) -> None:
    """A pairwise mask in each form it may have; the linear formula runs as it is written."""
    model = perturbed(AutoBertZeroForTokenClassification, config)
    rows = [torch.randint(5, config.vocab_size, (1, length)) for length in (4, 7, 3)]
    text = torch.cat([torch.full_like(row[0], number) for number, row in enumerate(rows)])
    pairs = (text[:, None] == text)[None, None]
    packed = {
        "input_ids": torch.cat(rows, 1),
        "position_ids": torch.cat([torch.arange(row.shape[1]) for row in rows])[None],
    }
    with torch.no_grad():
        wanted = torch.cat([model(row).logits for row in rows], 1)
        for implementation in ("sdpa", "eager"):
            model.set_attn_implementation(implementation)
            for mask in (
                pairs,
                pairs.long(),
                torch.zeros(pairs.shape).masked_fill(~pairs, torch.finfo(torch.float32).min),
                pairs.expand(1, config.num_attention_heads, -1, -1),
            ):
                actual = model(**packed, attention_mask=mask).logits
                torch.testing.assert_close(actual, wanted, rtol=1e-4, atol=1e-5)


# The mask of multiple choice has an axis of choices.
@pytest.mark.parametrize("head", [head for head in HEADS if head is not AutoBertZeroForMultipleChoice])
def test_a_mask_of_pairs_that_hides_padding_is_a_mask_of_tokens(
    head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig
) -> None:
    model = perturbed(head, config_with(config, config.layers, classifier_pooling="mean"))
    batch = batch_of(config)
    real = batch["attention_mask"].bool()
    tokens = real.shape[1]
    # Padding does not see anything either, in one half of the rows at least.
    pairs = real[:, None, None, :] & (real[:, None, :, None] | (torch.arange(tokens) % 2 == 0)[None, None, :, None])
    with torch.no_grad():
        for wanted, actual in zip(
            answers(model, batch), answers(model, {**batch, "attention_mask": pairs}), strict=True
        ):
            for row, length in enumerate(LENGTHS):
                kept = slice(0, length)
                torch.testing.assert_close(
                    places_of(actual, tokens, row, kept),
                    places_of(wanted, tokens, row, kept),
                    rtol=1e-4,
                    atol=1e-5,
                )


def test_gradients_stay_finite_where_a_token_sees_nothing(config: AutoBertZeroConfig) -> None:
    for implementation in ("sdpa", "eager"):
        model = perturbed(AutoBertZeroForMaskedLM, config)
        model.set_attn_implementation(implementation)
        ids = torch.randint(5, config.vocab_size, (2, 8))
        mask = torch.rand(2, 1, 8, 8) < 0.5
        mask[:, :, 3] = False
        model(ids, attention_mask=mask, labels=ids).loss.backward()
        assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)


def test_floats_that_are_no_mask_are_refused(tiny_config: AutoBertZeroConfig) -> None:
    """1 for what is seen, as in masks of tokens, and biases of scores; `-inf` and large negative numbers are masks."""
    model = perturbed(AutoBertZeroModel, config_with(tiny_config, architecture("bert", 1)))
    ids = torch.randint(5, tiny_config.vocab_size, (1, 4))
    pairs = torch.ones(4, 4).tril().bool()[None, None]
    for wrong in (pairs.float(), torch.zeros(1, 1, 4, 4).masked_fill(~pairs, -0.5)):
        with pytest.raises(ValueError, match="give a mask of bool"):
            model(ids, attention_mask=wrong)
    with torch.no_grad():
        wanted = model(ids, attention_mask=pairs).last_hidden_state
        for hidden in (-float("inf"), -1e4, torch.finfo(torch.float16).min):
            mask = torch.zeros(1, 1, 4, 4).masked_fill(~pairs, hidden)
            assert torch.equal(model(ids, attention_mask=mask).last_hidden_state, wanted)
            assert not torch.allclose(model(ids).last_hidden_state, wanted, atol=1e-3)


def test_masks_that_are_broadcast(config: AutoBertZeroConfig) -> None:
    """(1, N), and (B, 1, 1, N) as code for BERT prepares it: masks of tokens, for every formula."""
    model = perturbed(AutoBertZeroModel, config_with(config, [*config.layers, "matmul(q, matmul(transpose(k), v))"]))
    ids = torch.randint(5, config.vocab_size, (2, 6))
    mask = torch.tensor([[1, 1, 1, 1, 0, 0]])
    with torch.no_grad():
        wanted = model(ids, attention_mask=mask.expand(2, 6)).last_hidden_state
        extended = (1.0 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
        for each in (mask, mask.float(), mask[:, None, None, :], extended, extended.expand(2, 1, 1, 6)):
            assert torch.equal(model(ids, attention_mask=each).last_hidden_state, wanted)


def test_the_mean_is_over_tokens_that_are_seen(tiny_config: AutoBertZeroConfig) -> None:
    """Not over those that see themselves: under a pairwise mask, none may. And a row of nothing has a finite mean."""
    model = perturbed(AutoBertZeroModel, config_with(tiny_config, ["conv(3)"], classifier_pooling="mean"))
    ids = torch.randint(5, tiny_config.vocab_size, (1, 4))
    pairs = ~torch.eye(4, dtype=torch.bool)[None, None]
    pairs[..., 3] = False
    with torch.no_grad():
        outputs = model(ids, attention_mask=pairs)
        wanted = torch.tanh(model.pooler.dense(outputs.last_hidden_state[:, :3].mean(1)))
        torch.testing.assert_close(outputs.pooler_output, wanted)
        assert torch.isfinite(model(ids, attention_mask=torch.zeros(1, 4)).pooler_output).all()


def test_more_tokens_than_positions_are_refused(tiny_config: AutoBertZeroConfig) -> None:
    ids = torch.ones(1, 65, dtype=torch.long)
    with pytest.raises(ValueError, match="65 tokens are more than this model has positions for"):
        AutoBertZeroModel(tiny_config)(ids)
    AutoBertZeroModel(tiny_config)(ids, position_ids=torch.zeros_like(ids))


@pytest.mark.parametrize(
    "head",
    [AutoBertZeroForSequenceClassification, AutoBertZeroForTokenClassification, AutoBertZeroForMultipleChoice],
)
def test_classifiers_drop_out_in_training(head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig) -> None:
    changes = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    for dropout, differs in ((0.5, True), (0.0, False)):
        model = perturbed(head, config_with(config, config.layers, **changes, classifier_dropout=dropout)).train()
        batch = batch_of(config)
        with torch.no_grad():
            (one,), (other,) = answers(model, batch), answers(model, batch)
            assert torch.equal(one, other) is not differs
            model.eval()
            assert torch.equal(*answers(model, batch), *answers(model, batch))


@pytest.mark.parametrize(
    "head",
    [AutoBertZeroForNextSentencePrediction, AutoBertZeroForSequenceClassification, AutoBertZeroForMultipleChoice],
)
def test_heads_whose_loss_is_a_mean_over_rows_say_so(head: type[AutoBertZeroPreTrainedModel]) -> None:
    """Trainer asks; for several labels and for regression transformers' losses do not look at the number of items."""
    assert head.accepts_loss_kwargs is False


def test_a_layer_that_has_no_use_for_pairs_is_named(tiny_config: AutoBertZeroConfig) -> None:
    config = config_with(tiny_config, ["conv(3)", "matmul(q, matmul(transpose(k), v))"])
    with pytest.raises(ValueError, match=r"layer 2 .* mask of shape \(batch, tokens\)") as raised:
        AutoBertZeroModel(config)(torch.ones(1, 4, dtype=torch.long), attention_mask=torch.ones(1, 1, 4, 4).bool())
    assert str(raised.value).splitlines()[2].strip() == "^" * len("matmul(transpose(k), v)")


def test_kernels_without_masks_of_pairs_say_so(tiny_config: AutoBertZeroConfig) -> None:
    model = AutoBertZeroModel(config_with(tiny_config, architecture("bert", 1))).eval()
    model.set_attn_implementation("flex_attention")
    with pytest.raises(ValueError, match='attn_implementation="flex_attention" takes no pairwise attention_mask'):
        model(torch.ones(1, 4, dtype=torch.long), attention_mask=torch.ones(1, 1, 4, 4).bool())


def test_embeddings_stand_for_words(head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig) -> None:
    model = perturbed(head, config)
    batch = batch_of(config)
    embedded = {**batch, "inputs_embeds": model.get_input_embeddings()(batch["input_ids"])}
    del embedded["input_ids"]
    with torch.no_grad():
        for wanted, actual in zip(answers(model, batch), answers(model, embedded), strict=True):
            torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-6)


def test_token_types_and_positions_count_and_have_defaults(
    head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig
) -> None:
    model = perturbed(head, config)
    batch = batch_of(config)
    plain = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        wanted = answers(model, plain)
        zeros = {**plain, "token_type_ids": torch.zeros_like(plain["input_ids"]), "position_ids": batch["position_ids"]}
        for actual, expected in zip(answers(model, zeros), wanted, strict=True):
            torch.testing.assert_close(actual, expected)
        for name, other in (
            ("token_type_ids", 1 - batch["token_type_ids"]),
            ("position_ids", 30 + zeros["position_ids"]),
        ):
            assert not any(
                torch.allclose(actual, expected, atol=1e-3)
                for actual, expected in zip(answers(model, {**zeros, name: other}), wanted, strict=True)
            )


def test_losses_are_those_of_their_labels(config: AutoBertZeroConfig) -> None:
    batch = batch_of(config)
    rows, tokens = batch["input_ids"].shape
    words = torch.where(torch.rand(rows, tokens) < 0.4, batch["input_ids"], -100)
    words[0, 0] = 7
    following, classes = torch.tensor([0, 1, 1]), torch.tensor([2, 0, 1])
    tags = torch.randint(0, 3, (rows, tokens)).masked_fill(batch["attention_mask"] == 0, -100)
    starts, ends = torch.tensor([1, 2, 90]), torch.tensor([4, 2, 90])  # the last answer was cut off

    model = perturbed(AutoBertZeroForPreTraining, config)
    out = model(**batch, labels=words, next_sentence_label=following)
    word_loss = F.cross_entropy(out.prediction_logits.flatten(0, 1), words.flatten())
    torch.testing.assert_close(out.loss, word_loss + F.cross_entropy(out.seq_relationship_logits, following))
    assert model(**batch, labels=words).loss is None  # as with BERT: one of the two is not pre-training

    out = perturbed(AutoBertZeroForMaskedLM, config)(**batch, labels=words)
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits.flatten(0, 1), words.flatten()))
    out = perturbed(AutoBertZeroForNextSentencePrediction, config)(**batch, labels=following)
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits, following))
    out = perturbed(AutoBertZeroForSequenceClassification, config)(**batch, labels=classes)
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits, classes))
    out = perturbed(AutoBertZeroForTokenClassification, config)(**batch, labels=tags)
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits.flatten(0, 1), tags.flatten()))
    out = perturbed(AutoBertZeroForQuestionAnswering, config)(**batch, start_positions=starts, end_positions=ends)
    wanted = F.cross_entropy(out.start_logits[:2], starts[:2]) + F.cross_entropy(out.end_logits[:2], ends[:2])
    torch.testing.assert_close(out.loss, wanted / 2)
    choices = {name: torch.stack([tensor, tensor.flip(0)]) for name, tensor in batch.items()}
    out = perturbed(AutoBertZeroForMultipleChoice, config)(**choices, labels=torch.tensor([2, 0]))
    torch.testing.assert_close(out.logits[1], out.logits[0].flip(0))
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits, torch.tensor([2, 0])))


@pytest.mark.parametrize("head", [AutoBertZeroForMaskedLM, AutoBertZeroForPreTraining])
def test_words_are_decoded_with_the_embeddings(
    head: type[AutoBertZeroPreTrainedModel], config: AutoBertZeroConfig, tmp_path: Path
) -> None:
    model = perturbed(head, config)
    for each in (model, head.from_pretrained(_saved(model, tmp_path))):
        assert each.decoder.weight is each.get_input_embeddings().weight
    free = head(config_with(config, config.layers, tie_word_embeddings=False))
    assert free.decoder.weight is not free.get_input_embeddings().weight


def _saved(model: AutoBertZeroPreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def test_one_checkpoint_opens_with_every_auto_class(config: AutoBertZeroConfig, tmp_path: Path) -> None:
    """Each takes what it knows; what starts anew is a head's own."""
    source = perturbed(AutoBertZeroForPreTraining, config)
    source.save_pretrained(tmp_path)
    weights = source.state_dict()
    new = {"classifier.weight", "classifier.bias", "qa_outputs.weight", "qa_outputs.bias"}
    opened = set()
    for auto, place in AUTO_MAP.items():
        if auto == "AutoConfig":
            continue
        model, report = getattr(transformers, auto).from_pretrained(tmp_path, output_loading_info=True)
        assert type(model).__name__ == place.rpartition(".")[2]
        assert report["missing_keys"] <= new, auto
        assert not report["mismatched_keys"]
        for name, weight in model.state_dict().items():
            if name not in new:
                known = name if name in weights else f"autobert_zero.{name}"
                assert torch.equal(weight, weights[known]), name
        opened.add(type(model))
    assert opened == set(HEADS)


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5, 1)])
def test_choices_need_an_axis_of_their_own(tiny_config: AutoBertZeroConfig, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(batch, choices, tokens\)"):
        AutoBertZeroForMultipleChoice(tiny_config)(torch.ones(shape, dtype=torch.long))
