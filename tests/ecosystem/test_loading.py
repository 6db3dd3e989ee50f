"""Folders of weights: shards, tied weights, devices, models made without memory."""

import json
from pathlib import Path

import pytest
import torch
from accelerate import cpu_offload, init_empty_weights, load_checkpoint_and_dispatch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForPreTraining, BatchEncoding, PreTrainedModel

import autobert_zero_hf
from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForPreTraining

EMBEDDINGS = "autobert_zero.embeddings.word_embeddings.weight"


@pytest.fixture
def wanted(folder: Path, batch: BatchEncoding) -> torch.Tensor:
    return logits(AutoModelForMaskedLM.from_pretrained(folder), batch)


def logits(model: torch.nn.Module, batch: BatchEncoding) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**batch)[0]


def names(folder: Path) -> list[str]:
    """The names of the weights in all files of a folder."""
    found = []
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            found += weights.keys()
    return sorted(found)


def is_tied(model: PreTrainedModel) -> bool:
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_shards_are_one_model(folder: Path, batch: BatchEncoding, wanted: torch.Tensor, tmp_path: Path) -> None:
    model = AutoModelForMaskedLM.from_pretrained(folder)
    model.save_pretrained(tmp_path / "shards", max_shard_size="50KB")
    index = json.loads((tmp_path / "shards/model.safetensors.index.json").read_text())
    files = {file.name for file in (tmp_path / "shards").glob("*.safetensors")}
    assert set(index["weight_map"].values()) == files
    assert len(files) > 2
    assert names(tmp_path / "shards") == names(folder) == sorted(index["weight_map"])
    again = AutoModelForMaskedLM.from_pretrained(tmp_path / "shards")
    assert torch.equal(logits(again, batch), wanted)
    assert is_tied(again)


@pytest.mark.parametrize("auto", [AutoModelForMaskedLM, AutoModelForPreTraining])
def test_tied_weights_are_saved_once(folder: Path, tmp_path: Path, auto: type) -> None:
    model = auto.from_pretrained(folder)
    model.save_pretrained(tmp_path / "saved")
    saved = names(tmp_path / "saved")
    assert EMBEDDINGS in saved
    assert set(model.state_dict()) - set(saved) == {"decoder.weight"}
    assert is_tied(auto.from_pretrained(tmp_path / "saved"))


def test_untied_weights_are_saved_both(config: AutoBertZeroConfig, batch: BatchEncoding, tmp_path: Path) -> None:
    config.tie_word_embeddings = False
    model = AutoBertZeroForPreTraining(config)
    model.save_pretrained(tmp_path)
    assert {EMBEDDINGS, "decoder.weight"} <= set(names(tmp_path))
    again = AutoModelForPreTraining.from_pretrained(tmp_path)
    assert not is_tied(again)
    assert torch.equal(logits(again, batch), logits(model, batch))


@pytest.mark.parametrize("size, multiple", [(1100, None), (900, None), (1003, 8), (None, 64)])
@pytest.mark.parametrize("auto", [AutoModelForMaskedLM, AutoModelForPreTraining])
def test_a_vocabulary_grows_and_shrinks(
    folder: Path, batch: BatchEncoding, tmp_path: Path, auto: type, size: int | None, multiple: int | None
) -> None:
    model = auto.from_pretrained(folder)
    torch.nn.init.normal_(model.decoder.bias)
    batch["input_ids"] = batch["input_ids"].clamp_max(899)
    before = logits(model, batch)
    model.resize_token_embeddings(size, pad_to_multiple_of=multiple)
    many = size if multiple is None else {1003: 1008, None: 1024}[size]
    assert model.config.vocab_size == many
    assert model.get_input_embeddings().weight.shape == model.decoder.weight.shape == (many, 32)
    assert model.get_input_embeddings().num_embeddings == model.decoder.out_features == many
    assert model.decoder.bias.shape == (many,)
    assert is_tied(model)
    after = logits(model, batch)
    assert after.shape[-1] == many
    kept = min(many, 1000)
    torch.testing.assert_close(after[..., :kept], before[..., :kept])
    assert torch.isfinite(model(**batch, labels=batch["input_ids"],
                                **({"next_sentence_label": torch.zeros(8, dtype=torch.long)}
                                   if auto is AutoModelForPreTraining else {})).loss)  # fmt: skip
    model.save_pretrained(tmp_path / "resized")
    again = auto.from_pretrained(tmp_path / "resized")
    assert is_tied(again)
    assert torch.equal(logits(again, batch), after)


@pytest.mark.parametrize("head", [name for name in autobert_zero_hf.__all__ if "For" in name])
def test_a_config_may_ask_for_tuples(config: AutoBertZeroConfig, batch: BatchEncoding, head: str) -> None:
    """As old checkpoints do."""
    model = getattr(autobert_zero_hf, head)(config).eval()
    inputs = dict(batch)
    if "MultipleChoice" in head:
        inputs = {name: rows.unflatten(0, (4, 2)) for name, rows in batch.items()}
    with torch.no_grad():
        wanted = model(**inputs, output_hidden_states=True)
        config.return_dict = False
        actual = model(**inputs, output_hidden_states=True)
        again = model(**inputs, output_hidden_states=True, return_dict=True)
    assert type(actual) is tuple
    assert type(again) is type(wanted)
    for each in (actual, again.to_tuple()):
        torch.testing.assert_close(each, wanted.to_tuple())


DEVICES = {
    "auto": "auto",
    "cpu": {"": "cpu"},
    "disk": {
        "autobert_zero.embeddings": "cpu",
        **{f"autobert_zero.layers.{place}": "cpu" if place == 1 else "disk" for place in range(4)},
        "head": "disk",
        "decoder": "cpu",
    },
}


@pytest.mark.parametrize("devices", DEVICES.values(), ids=DEVICES)
def test_layers_go_where_a_device_map_sends_them(
    folder: Path, batch: BatchEncoding, wanted: torch.Tensor, tmp_path: Path, devices: str | dict[str, str]
) -> None:
    model = AutoModelForMaskedLM.from_pretrained(folder, device_map=devices, offload_folder=tmp_path / "offload")
    away = [name for name, weight in model.named_parameters() if weight.is_meta]
    assert any("kernels" in name for name in away) == (devices is DEVICES["disk"])
    assert torch.equal(logits(model, batch), wanted)
    assert [name for name, weight in model.named_parameters() if weight.is_meta] == away


def test_what_does_not_fit_goes_to_the_disk_by_whole_layers(
    folder: Path, batch: BatchEncoding, wanted: torch.Tensor, tmp_path: Path
) -> None:
    """A residual connection would otherwise add what is on two devices."""
    model = AutoModelForMaskedLM.from_pretrained(
        folder, device_map="auto", max_memory={"cpu": 230_000}, offload_folder=tmp_path / "offload"
    )
    assert set(model.hf_device_map.values()) == {"cpu", "disk"}
    assert not any(name.startswith("autobert_zero.layers") and name.count(".") > 2 for name in model.hf_device_map)
    assert torch.equal(logits(model, batch), wanted)


def test_a_model_whose_weights_stay_in_memory_until_they_are_used(
    folder: Path, batch: BatchEncoding, wanted: torch.Tensor
) -> None:
    model = cpu_offload(AutoModelForMaskedLM.from_pretrained(folder).eval(), torch.device("cpu"))
    assert all(weight.is_meta for weight in model.parameters())
    assert torch.equal(logits(model, batch), wanted)


def test_a_model_is_made_without_memory_and_filled(folder: Path, batch: BatchEncoding, wanted: torch.Tensor) -> None:
    config = AutoConfig.from_pretrained(folder)
    with init_empty_weights():
        model = AutoModelForMaskedLM.from_config(config)
    assert all(weight.is_meta for weight in (*model.parameters(), *model.buffers()))
    model.tie_weights()
    model = load_checkpoint_and_dispatch(model, folder, device_map="auto")
    assert torch.equal(logits(model, batch), wanted)
    with torch.device("meta"):
        model = AutoModelForMaskedLM.from_config(config)
    model.load_state_dict(AutoModelForMaskedLM.from_pretrained(folder).state_dict(), assign=True)
    model.tie_weights()
    assert torch.equal(logits(model, batch), wanted)
