"""What cannot be converted is refused, and the message says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertForMaskedLM, BertForQuestionAnswering, BertLMHeadModel, BertModel, MPNetModel

from autobert_zero_hf.conversion import convert_checkpoint, from_encoder
from autobert_zero_hf.conversion.loading import missing_folder
from autobert_zero_hf.errors import AutoBertZeroError
from tests.conversion.models import VOCABULARY

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 16,
}


def bert(model_class: type = BertForMaskedLM, **changes: Any) -> Any:
    return model_class(model_class.config_class(**SIZES, **changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bert().save_pretrained(tmp_path)
    return tmp_path


def configure(**changes: Any) -> Callable[[Path], None]:
    """Change the config.json; None takes a field out."""

    def change(folder: Path) -> None:
        file = folder / "config.json"
        fields = {**json.loads(file.read_text()), **changes}
        file.write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))

    return change


def without(part: str) -> Callable[[Path], None]:
    """Take weights out."""

    def change(folder: Path) -> None:
        file = folder / "model.safetensors"
        weights = {name: weight for name, weight in load_file(file).items() if part not in name}
        save_file(weights, file, metadata={"format": "pt"})

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def as_pickle(code: bool) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        remove("model.safetensors")(folder)
        torch.save(bert() if code else {}, folder / "pytorch_model.bin")

    return change


TYPES = "give a checkpoint of BERT, .*, PyPI's autobert"
BAD_CHECKPOINTS = {
    "no config": (remove("config.json"), rf"has no config\.json: {TYPES}"),
    "a config that is no JSON": (write("config.json", "{"), r"no checkpoint with a config\.json .* valid JSON"),
    "no model type": (configure(model_type=None), rf"does not say in its config.json which model_type it has: {TYPES}"),
    "another model": (configure(model_type="nomic_bert"), rf"is a nomic_bert model: {TYPES}"),
    "one that no formula is": (configure(model_type="mpnet"), rf"is a mpnet model, whose attention adds a .*: {TYPES}"),
    "ours": (configure(model_type="autobert_zero"), rf"is a model of this package already: {TYPES}"),
    "no architecture": (
        configure(architectures=None),
        r"its architecture being none: name .* of Model, ForPreTraining",
    ),
    "another head": (configure(architectures=["BertLMHeadModel"]), r"being BertLMHeadModel: name the one"),
    "a decoder": (
        configure(is_decoder=True),
        r"BERT as a decoder \(is_decoder or add_cross_.* encoder; give",
    ),
    "positions": (
        configure(position_embedding_type="relative_key"),
        r'position_embedding_type "relative_key" cannot be converted: .* give a checkpoint',
    ),
    "a layer more": (configure(num_hidden_layers=3), r"lacks 16 weights of its backbone.* bert\.encoder\.layer\.2\."),
    "no embeddings": (without("word_embeddings"), r"lacks 1 weights of its backbone.* bert\.embeddings\.word_emb"),
    "one weight less": (
        without("1.attention.self.key.bias"),
        r"lacks 1 weights .*layer\.1\.attention\.self\.key\.bias",
    ),
    "other sizes": (configure(intermediate_size=40), r"cannot load the weights of .* into what its config\.json says"),
    "no weights": (remove("model.safetensors"), r"cannot load the weights of .*no file named model\.safetensors"),
    "a broken file": (write("model.safetensors", "version https://git-lfs"), r"cannot load the weights of"),
    "a pickle with code": (as_pickle(code=True), r"cannot load the weights of .*[Ww]eights"),
}


@pytest.mark.parametrize("name", BAD_CHECKPOINTS)
def test_a_bad_checkpoint(folder: Path, name: str) -> None:
    change, reason = BAD_CHECKPOINTS[name]
    change(folder)
    with pytest.raises(AutoBertZeroError, match=f"(?s){reason}"):
        convert_checkpoint(folder)


GAPS = {
    "embeddings": without("word_embeddings"),
    "a norm": without("embeddings.LayerNorm"),
    "a layer's": without("encoder.layer.1.output"),
    "other sizes": configure(intermediate_size=40),
}


@pytest.mark.parametrize("name", GAPS)
def test_no_head_hides_a_gap_in_the_backbone(folder: Path, name: str) -> None:
    GAPS[name](folder)
    for head in ("Model", "ForSequenceClassification"):
        with pytest.raises(AutoBertZeroError, match=r"lacks \d weights of its backbone, or has them in another size"):
            convert_checkpoint(folder, head)


def test_an_unknown_head(folder: Path) -> None:
    with pytest.raises(
        AutoBertZeroError, match=r"unknown head 'MaskedLM': known are Model, ForPreTraining, ForMaskedLM"
    ):
        convert_checkpoint(folder, "MaskedLM")


@pytest.mark.parametrize("source", ["nothing/of-the-kind", "no such folder", Path("neither", "this", "one")])
def test_no_checkpoint(source: str | Path) -> None:
    with pytest.raises(AutoBertZeroError, match=f"no checkpoint with a config.json is found at {source}: "):
        convert_checkpoint(source)


def answers_with(labels: int) -> BertForQuestionAnswering:
    return bert(BertForQuestionAnswering, num_labels=labels)


def adapted() -> BertModel:
    model = bert(BertModel)
    model.encoder.layer[1].adapter = nn.Linear(32, 32)
    return model


class OwnBert(BertModel):
    pass


BAD_MODELS = {
    "decoder": (lambda: bert(BertModel, is_decoder=True), "BERT as a decoder .* give one"),
    "cross": (lambda: bert(BertModel, is_decoder=True, add_cross_attention=True), "BERT as a decoder"),
    "language model": (
        lambda: bert(BertLMHeadModel),
        "a BertLMHeadModel cannot be converted: give an encoder of BERT, Dis",
    ),
    "mpnet": (lambda: bert(MPNetModel), "a MPNetModel cannot be converted: give an encoder of BERT, Dis"),
    "subclass": (lambda: bert(OwnBert), "a OwnBert cannot be converted"),
    "positions": (lambda: bert(BertModel, position_embedding_type="relative_key_query"), '"relative_key_query"'),
    "three labels": (lambda: answers_with(3), "question answering with 3 labels .* takes 2, the start and the end"),
    "adapters": (
        adapted,
        r"BertModel was changed: 2 of its weights, layers\.1\.adapter\.bias for one, .* adapters, out",
    ),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_bad_model(name: str) -> None:
    make, reason = BAD_MODELS[name]
    with pytest.raises(AutoBertZeroError, match=reason):
        from_encoder(make())


@pytest.mark.parametrize("source", ["./runs/nothing", "{}/nothing", "~/nothing-at-all", "runs/deep/nothing"])
def test_a_folder_that_is_meant_and_not_there_is_told_without_the_hub(source: str, tmp_path: Path) -> None:
    (tmp_path / "something").mkdir()
    told = missing_folder(source.format(tmp_path))
    assert "there is no such folder" in told and "Hub" not in told
    assert ("holds something" in told) == source.startswith("{}")


def test_a_folder_beside_others_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "first").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert missing_folder("runs/nothing") == "there is no such folder; runs holds first"
    assert not any(map(missing_folder, ("runs/first", "someone/model", "model")))
