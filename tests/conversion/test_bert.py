"""BERT: what transformers' own BERT computes, of every head, from every kind of file."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertForMaskedLM, BertForPreTraining, BertModel, BertPreTrainedModel

from autobert_zero_hf import AutoBertZeroModel, architecture
from autobert_zero_hf.conversion import HEADS, convert_checkpoint, from_encoder
from autobert_zero_hf.conversion.bert import Bert
from tests.conversion.models import VOCABULARY, inputs_of, largest_difference, perturb, run

OWN_VALUES = {
    "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "classifier_dropout": 0.4,
    "layer_norm_eps": 1e-3,
    "initializer_range": 0.05,
    "type_vocab_size": 3,
    "pad_token_id": 1,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "problem_type": "single_label_classification",
}
"""None of them is a default."""


def bert_with(head: str, **changes) -> BertPreTrainedModel:
    labels = ("start", "end") if head == "ForQuestionAnswering" else ("no", "yes", "maybe")
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=16,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        **OWN_VALUES,
        **changes,
    )
    bert = Bert().classes[head](config).eval()
    perturb(bert)
    return bert


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_head_computes_what_bert_computes(head: str, tmp_path: Path) -> None:
    bert = bert_with(head)
    bert.save_pretrained(tmp_path / "bert")
    ours = convert_checkpoint(tmp_path / "bert")
    assert type(ours) is HEADS[head]
    assert ours.config.architectures is None  # until it is saved
    inputs = inputs_of(head)
    wanted = run(bert, inputs)
    assert ("loss" in wanted) == (head != "Model")
    assert largest_difference(run(ours, inputs), wanted, inputs["attention_mask"]) < 1e-5

    ours.save_pretrained(tmp_path / "ours")
    (auto,) = json.loads((tmp_path / "ours" / "config.json").read_text())["architectures"]
    assert auto == HEADS[head].__name__
    again = HEADS[head].from_pretrained(tmp_path / "ours")
    assert largest_difference(run(again, inputs), wanted, inputs["attention_mask"]) < 1e-5
    opened = getattr(transformers, f"Auto{'' if head == 'Model' else 'Model'}{head}").from_pretrained(tmp_path / "ours")
    assert type(opened) is HEADS[head]


def test_the_configuration_says_what_berts_said(head: str) -> None:
    bert = bert_with(head)
    config = from_encoder(bert).config
    assert config.layers == architecture("bert", 2)
    assert config.num_labels == bert.config.num_labels
    same = {*OWN_VALUES, "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}
    same |= {"max_position_embeddings", "id2label", "label2id", "tie_word_embeddings"}
    for name in sorted(same):
        assert getattr(config, name) == getattr(bert.config, name), name


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_attentions_of_both_kinds(implementation: str) -> None:
    bert = bert_with("ForMaskedLM", attn_implementation=implementation)
    ours = from_encoder(bert)
    assert ours.config._attn_implementation == bert.config._attn_implementation == implementation
    inputs = inputs_of("ForMaskedLM")
    options = {"output_attentions": True} if implementation == "eager" else {}
    outputs = run(ours, inputs, **options), run(bert, inputs, **options)
    assert largest_difference(*outputs, inputs["attention_mask"]) < 1e-5


def test_a_model_in_memory_stays_as_it_is() -> None:
    bert = bert_with("ForMaskedLM")
    before = {name: weight.clone() for name, weight in bert.state_dict().items()}
    ours = from_encoder(bert.train())
    assert ours.training
    perturb(ours)
    for name, weight in bert.state_dict().items():
        assert torch.equal(weight, before[name]), name
    assert ours.decoder.weight is ours.autobert_zero.embeddings.word_embeddings.weight
    assert all(weight.requires_grad for weight in ours.parameters())


def test_precision_stays(tmp_path: Path) -> None:
    bert = bert_with("Model").bfloat16()
    bert.save_pretrained(tmp_path)
    for ours in (from_encoder(bert), convert_checkpoint(tmp_path)):
        assert {weight.dtype for weight in ours.parameters()} == {torch.bfloat16}
    assert convert_checkpoint(tmp_path, dtype=torch.float32).dtype == torch.float32


def test_without_a_pooler_it_has_none(tmp_path: Path) -> None:
    bert = BertModel(bert_with("Model").config, add_pooling_layer=False).eval()
    bert.save_pretrained(tmp_path)
    inputs = inputs_of("Model")
    for ours in (from_encoder(bert), convert_checkpoint(tmp_path), convert_checkpoint(tmp_path, "Model")):
        assert ours.pooler is None
        assert largest_difference(run(ours, inputs), run(bert, inputs), inputs["attention_mask"]) < 1e-5


def as_legacy(bert: BertPreTrainedModel, folder: Path) -> None:
    """As in 2018: a pickle, LayerNorms with gamma and beta, and the numbers of the positions among the weights."""
    bert.save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    weights = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weight
        for name, weight in bert.state_dict().items()
    }
    weights["bert.embeddings.position_ids"] = torch.arange(16)[None]
    torch.save(weights, folder / "pytorch_model.bin")


def as_shards(bert: BertPreTrainedModel, folder: Path) -> None:
    bert.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2


def as_subfolder(bert: BertPreTrainedModel, folder: Path) -> None:
    bert.save_pretrained(folder / "inner")


@pytest.mark.parametrize("save", [as_legacy, as_shards, as_subfolder])
def test_files_of_every_kind(save, tmp_path: Path) -> None:
    bert = bert_with("ForPreTraining")
    save(bert, tmp_path)
    ours = convert_checkpoint(str(tmp_path), **({"subfolder": "inner"} if save is as_subfolder else {}))
    inputs = inputs_of("ForPreTraining")
    assert largest_difference(run(ours, inputs), run(bert, inputs), inputs["attention_mask"]) < 1e-5
    # Saved, it has the names that this package gives, whatever those in the file were.
    ours.save_pretrained(tmp_path / "ours")
    saved = load_file(tmp_path / "ours" / "model.safetensors").keys()
    assert saved == HEADS["ForPreTraining"](ours.config).state_dict().keys() - {"decoder.weight"}


def test_another_head_takes_what_the_checkpoint_has(head: str, tmp_path: Path) -> None:
    """As of google-bert/bert-base-uncased, which holds both heads of pre-training and names one."""
    bert = bert_with("ForPreTraining")
    bert.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("BertForPreTraining", "BertForMaskedLM"))
    ours = convert_checkpoint(tmp_path, head)
    assert type(ours) is HEADS[head]
    inputs = inputs_of("Model")
    base = ours if head == "Model" else ours.autobert_zero
    assert (base.pooler is None) == (head in ("ForMaskedLM", "ForTokenClassification", "ForQuestionAnswering"))
    wanted = run(bert, inputs)
    if base.pooler is None:
        bert.bert.pooler = None
    assert largest_difference(run(base, inputs), run(bert.bert, inputs), inputs["attention_mask"]) < 1e-5
    if head in ("ForPreTraining", "ForMaskedLM"):
        real = inputs["attention_mask"].bool()
        logits = run(ours, inputs)["prediction_logits" if head == "ForPreTraining" else "logits"]
        torch.testing.assert_close(logits[real], wanted.prediction_logits[real], rtol=0, atol=1e-5)
    if head == "ForNextSentencePrediction":
        torch.testing.assert_close(run(ours, inputs).logits, wanted.seq_relationship_logits, rtol=0, atol=1e-5)


def test_a_new_head_is_announced_and_as_wide_as_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bert_with("ForTokenClassification").save_pretrained(tmp_path)
    assert convert_checkpoint(tmp_path, "ForSequenceClassification", num_labels=5).classifier.out_features == 5
    assert any("pooler.dense.weight" in each and "MISSING" in each for each in caplog.messages)
    # The labels of tokens are not those of an answer.
    assert convert_checkpoint(tmp_path, "ForQuestionAnswering").config.num_labels == 2


@pytest.mark.parametrize("head", ["ForMaskedLM", "ForPreTraining"])
@pytest.mark.parametrize("bias", ["both names", "outer name", "inner name"])
def test_an_untied_decoder_stays_untied(head: str, bias: str, tmp_path: Path) -> None:
    bert = bert_with(head, tie_word_embeddings=False)
    predictions = bert.cls.predictions
    predictions.decoder.bias = predictions.bias  # as in transformers 4, where files are with the outer name alone
    bert.save_pretrained(tmp_path)
    weights = {name: weight.clone() for name, weight in bert.state_dict().items()}
    drop = {"both names": "", "outer name": "cls.predictions.decoder.bias", "inner name": "cls.predictions.bias"}[bias]
    weights.pop(drop, None)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    ours = convert_checkpoint(tmp_path)
    assert not ours.config.tie_word_embeddings
    inputs = inputs_of(head)
    wanted = run(bert, inputs)
    assert largest_difference(run(ours, inputs), wanted, inputs["attention_mask"]) < 1e-5
    ours.save_pretrained(tmp_path / "ours")
    again = HEADS[head].from_pretrained(tmp_path / "ours")
    assert largest_difference(run(again, inputs), wanted, inputs["attention_mask"]) < 1e-5


def test_a_decoder_of_other_weights_is_untied_whatever_the_configuration_says(tmp_path: Path) -> None:
    bert = bert_with("ForMaskedLM", tie_word_embeddings=False)
    bert.cls.predictions.decoder.bias = bert.cls.predictions.bias
    bert.config.tie_word_embeddings = True
    bert.config.save_pretrained(tmp_path)
    torch.save(bert.state_dict(), tmp_path / "pytorch_model.bin")
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "architectures": ["BertForMaskedLM"]}))
    inputs = inputs_of("ForMaskedLM")
    for ours in (convert_checkpoint(tmp_path), from_encoder(bert)):
        assert not ours.config.tie_word_embeddings
        assert largest_difference(run(ours, inputs), run(bert, inputs), inputs["attention_mask"]) < 1e-5


def test_in_memory_the_bias_is_the_one_that_bert_computes_with() -> None:
    """Untied, the two names of transformers 5 are two biases, and one of them does nothing."""
    bert = bert_with("ForMaskedLM", tie_word_embeddings=False)
    assert not torch.equal(bert.cls.predictions.bias, bert.cls.predictions.decoder.bias)
    inputs = inputs_of("ForMaskedLM")
    assert largest_difference(run(from_encoder(bert), inputs), run(bert, inputs), inputs["attention_mask"]) < 1e-5


def test_the_base_model_of_a_converted_head_is_berts(tmp_path: Path) -> None:
    bert = bert_with("ForSequenceClassification")
    from_encoder(bert).save_pretrained(tmp_path)
    base = AutoModel.from_pretrained(tmp_path)
    assert isinstance(base, AutoBertZeroModel)
    inputs = inputs_of("Model")
    assert largest_difference(run(base, inputs), run(bert.bert, inputs), inputs["attention_mask"]) < 1e-5


def test_every_weight_of_the_largest_head_has_its_place() -> None:
    bert = BertForPreTraining(bert_with("ForPreTraining").config)
    assert from_encoder(bert).num_parameters() == bert.num_parameters()
    assert from_encoder(BertForMaskedLM(bert.config)).num_parameters() == BertForMaskedLM(bert.config).num_parameters()
