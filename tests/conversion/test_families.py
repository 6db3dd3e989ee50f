"""The families beside BERT: what transformers' own models compute, of every head that both have."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer, ElectraForPreTraining, PreTrainedModel
from transformers.utils import ModelOutput

from autobert_zero_hf.conversion import FAMILIES, HEADS, convert_checkpoint, from_encoder
from autobert_zero_hf.conversion.checkpoint import open_encoder
from autobert_zero_hf.conversion.family import TransformersFamily
from autobert_zero_hf.data.fitting import take_special_tokens
from autobert_zero_hf.errors import AutoBertZeroError
from tests.conversion.models import VOCABULARY, inputs_of, largest_difference, perturb, run

OWN = {
    "roberta": {"max_position_embeddings": 19, "hidden_act": "gelu", "pad_token_id": 2, "type_vocab_size": 2},
    "xlm-roberta": {"max_position_embeddings": 18, "hidden_act": "gelu", "pad_token_id": 1, "type_vocab_size": 1},
    "electra": {"embedding_size": 24, "max_position_embeddings": 16, "type_vocab_size": 3, "layer_norm_eps": 1e-3},
    "modernbert": {"num_hidden_layers": 3, "local_attention": 6, "pad_token_id": 0},
    "distilbert": {"seq_classif_dropout": 0.4, "activation": "relu", "max_position_embeddings": 16},
}
"""What is not shared; none of it is a default."""
OTHER_PADDING = ("roberta", "xlm-roberta", "modernbert")
CASES = [(name, head) for name in OWN for head in FAMILIES[name].heads]


def family_model(name: str, head: str, **changes: Any) -> PreTrainedModel:
    family = FAMILIES[name]
    assert isinstance(family, TransformersFamily)
    model_class = family.classes[head]
    labels = ("start", "end") if head == "ForQuestionAnswering" else ("no", "yes", "maybe")
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes["hidden_dim" if name == "distilbert" else "intermediate_size"] = 48
    config = model_class.config_class(
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        **sizes | OWN[name] | changes,
    )
    model = model_class(config).eval()
    if head == "ForMultipleChoice" and name == "xlm-roberta" and model.roberta.pooler is None:
        pytest.skip(
            f"the {model_class.__name__} of transformers {transformers.__version__} lacks the pooler that it calls"
        )
    perturb(model)
    return model


def inputs_for(model: PreTrainedModel, head: str, padding: str) -> dict[str, torch.Tensor]:
    """With padding on one side, and token types where the model has some.

    What padding itself computes differs: RoBERTa's positions know one of padding, and ModernBERT's windows may hold
    nothing else. So the loss of question answering differs, which is over all places.
    """
    inputs = inputs_of(head, padded=padding != "none")
    if padding == "left":
        for name in ("attention_mask", "labels"):
            if name == "attention_mask" or (name in inputs and inputs[name].dim() == 2):
                inputs[name] = inputs[name].flip(-1)
    inputs["input_ids"][inputs["attention_mask"] == 0] = model.config.pad_token_id
    types = getattr(model.config, "type_vocab_size", 0)
    inputs["token_type_ids"] = inputs["token_type_ids"].clamp(max=max(0, types - 1))
    if not types:
        del inputs["token_type_ids"]
    if model.config.model_type in OTHER_PADDING and padding != "none" and head == "ForQuestionAnswering":
        inputs = {name: value for name, value in inputs.items() if "positions" not in name}
    return inputs


@pytest.mark.parametrize("padding", ["right", "left", "none"])
@pytest.mark.parametrize(("name", "head"), CASES)
def test_every_head_computes_what_the_familys_own_computes(name: str, head: str, padding: str, tmp_path: Path) -> None:
    theirs = family_model(name, head)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = convert_checkpoint(tmp_path / "theirs")
    assert type(ours) is HEADS[head] and not ours.training
    inputs = inputs_for(theirs, head, padding)
    wanted = run(theirs, inputs)
    found = run(ours, inputs)
    # Their poolers then take padding, which stands in the first place; but not ModernBERT's multiple choice.
    of_first = {"Model", "ForSequenceClassification"} | ({"ForMultipleChoice"} if name != "modernbert" else set())
    if padding == "left" and name in OTHER_PADDING and head in of_first:
        found, wanted = (ModelOutput(hidden_states=each.hidden_states) for each in (found, wanted))
    assert largest_difference(found, wanted, inputs["attention_mask"]) < 1e-5


@pytest.mark.parametrize(("name", "head"), CASES)
def test_what_is_saved_computes_the_same(name: str, head: str, tmp_path: Path) -> None:
    ours = from_encoder(family_model(name, head))
    ours.save_pretrained(tmp_path)
    pooler = {} if head != "Model" else {"add_pooling_layer": ours.pooler is not None}
    again = HEADS[head].from_pretrained(tmp_path, **pooler)
    inputs = inputs_for(ours, head, "right")
    assert largest_difference(run(again, inputs), run(ours, inputs), inputs["attention_mask"]) == 0


@pytest.mark.parametrize("name", OWN)
def test_texts_side_by_side_and_without_padding_are_what_they_are_by_themselves(name: str) -> None:
    """Positions are counted in each text anew, wherever it stands."""
    model = from_encoder(family_model(name, "Model")).double()
    padding, lengths = model.config.pad_token_id, (15, 2, 6, 9)
    rows = [torch.randint(5, VOCABULARY, (1, length)) for length in lengths]
    with torch.no_grad():
        alone = [model(row).last_hidden_state[0] for row in rows]
        flat = model(torch.cat(rows, 1), seq_idx=torch.arange(4).repeat_interleave(torch.tensor(lengths))[None])
        for left in (False, True):
            ids = torch.full((4, 16), padding)
            for row, words in zip(ids, rows, strict=True):
                row[-words.shape[1] :] = words[0]
                row[:] = row if left else row.roll(words.shape[1])
            found = model(ids, attention_mask=(ids != padding).long()).last_hidden_state[ids != padding]
            if "roberta" not in name and left:
                continue  # its positions are those of the row
            torch.testing.assert_close(found, torch.cat(alone), rtol=0, atol=1e-9)
    torch.testing.assert_close(flat.last_hidden_state[0], torch.cat(alone), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", OWN)
def test_files_of_every_kind(name: str, tmp_path: Path) -> None:
    theirs = family_model(name, "ForMaskedLM")
    inputs = inputs_for(theirs, "ForMaskedLM", "right")
    wanted = run(theirs, inputs)
    theirs.save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    (tmp_path / "pickled").mkdir()
    theirs.config.architectures = [type(theirs).__name__]
    theirs.config.save_pretrained(tmp_path / "pickled")
    torch.save(theirs.state_dict(), tmp_path / "pickled" / "pytorch_model.bin")
    for folder in ("sharded", "pickled"):
        ours = convert_checkpoint(tmp_path / folder)
        assert largest_difference(run(ours, inputs), wanted, inputs["attention_mask"]) < 1e-5


@pytest.mark.parametrize("name", OWN)
def test_another_head_takes_what_the_checkpoint_has(name: str, tmp_path: Path) -> None:
    theirs = family_model(name, "ForMaskedLM")
    theirs.save_pretrained(tmp_path)
    ours = convert_checkpoint(tmp_path, "ForSequenceClassification", num_labels=5)
    assert ours.config.num_labels == 5
    base = convert_checkpoint(tmp_path, "Model")
    assert base.pooler is None
    for weight, wanted in zip(base.embeddings.parameters(), ours.autobert_zero.embeddings.parameters(), strict=True):
        assert torch.equal(weight, wanted)


@pytest.mark.parametrize(
    ("name", "head", "changes", "told"),
    [
        ("roberta", "Model", {"is_decoder": True}, "RoBERTa as a decoder"),
        ("roberta", "ForMaskedLM", {"hidden_act": "relu"}, "RoBERTa with the activation relu, whose head has gelu"),
        ("modernbert", "Model", {"norm_bias": True}, "ModernBERT with norm_bias=True cannot be converted"),
        ("modernbert", "ForMaskedLM", {"decoder_bias": False}, "ModernBERT with decoder_bias=False cannot"),
        (
            "modernbert",
            "ForMaskedLM",
            {"classifier_activation": "relu"},
            "with classifier_activation='relu'",
        ),
        ("electra", "ForMultipleChoice", {"summary_activation": "tanh"}, "ELECTRA with summary_type, .*'tanh'"),
        ("xlm-roberta", "ForQuestionAnswering", {"num_labels": 3}, "question answering with 3 labels"),
    ],
)
def test_what_cannot_be_is_refused(name: str, head: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(AutoBertZeroError, match=told):
        from_encoder(family_model(name, head, **changes))


def test_an_electra_as_wide_as_its_embeddings_has_no_projection() -> None:
    theirs = family_model("electra", "ForMaskedLM", embedding_size=32)
    ours, inputs = from_encoder(theirs), inputs_for(theirs, "ForMaskedLM", "right")
    assert ours.config.embedding_size is None
    assert largest_difference(run(ours, inputs), run(theirs, inputs), inputs["attention_mask"]) < 1e-5


def test_a_discriminator_becomes_a_model_without_a_head(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = family_model("electra", "Model").config
    theirs = ElectraForPreTraining(config).eval()
    perturb(theirs)
    theirs.save_pretrained(tmp_path)
    ours, inputs = convert_checkpoint(tmp_path), inputs_for(theirs, "Model", "right")
    assert type(ours) is HEADS["Model"] and ours.pooler is None
    assert largest_difference(run(ours, inputs), run(theirs.electra, inputs), inputs["attention_mask"]) < 1e-5
    with pytest.raises(AutoBertZeroError, match="is of ELECTRA, which has no head ForPreTraining"):
        convert_checkpoint(tmp_path, "ForPreTraining")


def test_positions_that_are_counted_want_the_padding_that_they_were_counted_by(roberta: Path, tmp_path: Path) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(roberta), convert_checkpoint(roberta)
    assert not take_special_tokens(model, tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(AutoBertZeroError, match="the model counts the tokens that are not 1, its padding"):
        take_special_tokens(model, tokenizer)


def test_what_is_saved_without_a_pooler_is_opened_without_one(tmp_path: Path) -> None:
    family_model("roberta", "ForMaskedLM").save_pretrained(tmp_path / "theirs")
    convert_checkpoint(tmp_path / "theirs", "Model").save_pretrained(tmp_path / "ours")
    assert open_encoder(str(tmp_path / "ours")).pooler is None
    assert open_encoder(str(tmp_path / "theirs")).config.positions == "counted"
    labels = open_encoder(str(tmp_path / "ours"), "ForQuestionAnswering")
    assert labels.config.num_labels == 2
    with pytest.raises(AutoBertZeroError, match="no checkpoint with a config"):
        open_encoder(str(tmp_path / "nothing"))


def test_a_head_that_the_family_lacks(tmp_path: Path) -> None:
    family_model("distilbert", "ForMaskedLM").save_pretrained(tmp_path)
    with pytest.raises(AutoBertZeroError, match=r"is of DistilBERT, which has no head ForPreTraining: name"):
        convert_checkpoint(tmp_path, "ForPreTraining")


def test_a_model_without_token_types_leaves_them_aside() -> None:
    """As DistilBERT does, whose tokenizer is often BERT's, and gives them."""
    theirs = family_model("distilbert", "Model")
    ours, ids = from_encoder(theirs), torch.randint(5, VOCABULARY, (2, 7))
    with torch.no_grad():
        found, wanted = (model(ids, token_type_ids=torch.ones_like(ids)) for model in (ours, theirs))
    torch.testing.assert_close(found.last_hidden_state, wanted.last_hidden_state, rtol=0, atol=1e-5)
