"""PyPI's autobert: what the package itself computes, on texts without padding."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel, modeling_utils, pytorch_utils

from autobert_zero_hf import architecture
from autobert_zero_hf.conversion import HEADS, convert_checkpoint
from autobert_zero_hf.errors import AutoBertZeroError
from tests.conversion.models import VOCABULARY, inputs_of, largest_difference, perturb, run

PORTED = {
    "Model": "AutoBertModel",
    "ForMaskedLM": "AutoBertModelForMaskedLM",
    "ForSequenceClassification": "AutoBertForSequenceClassification",
    "ForTokenClassification": "AutoBertForTokenClassification",
    "ForQuestionAnswering": "AutoBertForQuestionAnswering",
    "ForMultipleChoice": "AutoBertForMultipleChoice",
}
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 32,
    "kernel_size_list": [5, 3, 65, 7, 1, 15],
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The package, which was written for transformers 4."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--dest", folder]
    done = subprocess.run([*command, "autobert==0.0.2"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"autobert cannot be fetched: {done.stderr.strip().rpartition(chr(10))[2]}")
    (wheel,) = folder.glob("*.whl")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(wheel))
        # Where transformers 4 had it.
        patch.setattr(
            modeling_utils, "apply_chunking_to_forward", pytorch_utils.apply_chunking_to_forward, raising=False
        )
        package = importlib.import_module("autobert")
    # It would initialise the weights before the model is whole; all of them are set here.
    package.modeling_autobert.AutoBertPreTrainedModel.init_weights = lambda self: None
    return package


def ported(port: ModuleType, head: str, **changes) -> PreTrainedModel:
    labels = {} if head == "ForQuestionAnswering" else {"num_labels": 3}
    config = port.AutoBertConfig(**{**SIZES, **labels, "architectures": [PORTED[head]], **changes})
    model = getattr(port, PORTED[head])(config).eval()
    if head == "ForMaskedLM":  # transformers 4 did
        predictions = model.cls.predictions
        predictions.decoder.weight = model.autobert.embeddings.word_embeddings.weight
        predictions.decoder.bias = predictions.bias
    perturb(model)
    return model


def as_pickle(model: PreTrainedModel, folder: Path) -> Path:
    """As transformers 4 saved it."""
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def as_safetensors(model: PreTrainedModel, folder: Path) -> Path:
    """As later versions did, which keep one name of shared weights, and not the decoder's."""
    model.config.save_pretrained(folder)
    weights = {name: weight.clone() for name, weight in model.state_dict().items() if ".decoder." not in name}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(params=PORTED)
def head(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize(
    ("save", "changes"),
    [
        (as_pickle, {}),
        (as_safetensors, {}),
        (as_pickle, {"weight_softmax": True}),
        (as_safetensors, {"use_glu": False, "num_hidden_layers": 7, "hidden_act": "relu"}),
    ],
    ids=["pickle", "safetensors", "softmax of kernels", "seven layers without gates"],
)
def test_every_head_computes_what_the_port_computes(
    port: ModuleType, head: str, save, changes: dict, tmp_path: Path
) -> None:
    # In double precision, where rounding hides nothing.
    model = ported(port, head, **changes).double()
    ours = convert_checkpoint(save(model, tmp_path))
    assert type(ours) is HEADS[head]
    # It takes the number of tokens for that of choices.
    inputs = inputs_of(head, padded=False, choices=10)
    mask = inputs["attention_mask"]
    wanted = run(model, inputs, return_dict=True)
    assert largest_difference(run(ours, inputs), wanted, mask) < 1e-9
    ours.save_pretrained(tmp_path / "ours")
    again = HEADS[head].from_pretrained(tmp_path / "ours", **({"add_pooling_layer": False} if head == "Model" else {}))
    assert largest_difference(run(again, inputs), wanted, mask) < 1e-9


def test_the_default_is_the_base_model(port: ModuleType, tmp_path: Path) -> None:
    small = {name: value for name, value in SIZES.items() if name != "kernel_size_list"}
    config = port.AutoBertConfig(**small)
    model = port.AutoBertModel(config)
    perturb(model)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "autobert", **small}))
    ours = convert_checkpoint(tmp_path, "Model").config
    assert ours.layers == architecture("autobert-zero")
    assert not ours.kernel_softmax
    same = {name for name in vars(config).keys() & vars(ours).keys() if not name.startswith("_")}
    for name in sorted(same - {"architectures", "dtype", "transformers_version"}):
        assert getattr(ours, name) == getattr(config, name), name


def test_another_head_takes_what_the_checkpoint_has(port: ModuleType, tmp_path: Path) -> None:
    model = ported(port, "ForSequenceClassification")
    as_pickle(model, tmp_path)
    inputs = inputs_of("Model", padded=False)
    wanted = run(model.autobert, inputs, return_dict=True)
    for head in HEADS:
        ours = convert_checkpoint(tmp_path, head)
        base = ours if head == "Model" else ours.autobert_zero
        actual = run(base, inputs)
        assert (actual.last_hidden_state - wanted.last_hidden_state).abs().max() < 1e-5
        if base.pooler is not None:
            assert (actual.pooler_output - model.pooler(wanted.last_hidden_state)).abs().max() < 1e-5
    assert convert_checkpoint(tmp_path, "Model").pooler is not None
    as_pickle(ported(port, "Model"), tmp_path)
    assert convert_checkpoint(tmp_path).pooler is None
    assert convert_checkpoint(tmp_path, "ForSequenceClassification", num_labels=5).classifier.out_features == 5


def test_loading_takes_options(port: ModuleType, tmp_path: Path) -> None:
    model = ported(port, "ForMaskedLM")
    (tmp_path / "inner").mkdir()
    as_safetensors(model, tmp_path / "inner")
    options = {"subfolder": "inner", "revision": "main", "dtype": torch.bfloat16, "attn_implementation": "eager"}
    ours = convert_checkpoint(tmp_path, **options, hidden_dropout_prob=0.3)
    assert ours.dtype == torch.bfloat16
    assert ours.config._attn_implementation == "eager"
    assert ours.config.hidden_dropout_prob == 0.3
    weight = model.autobert.embeddings.word_embeddings.weight
    assert torch.equal(ours.decoder.weight, weight.bfloat16())


def test_real_tokens_see_no_padding(port: ModuleType, tmp_path: Path) -> None:
    """Where the port's did."""
    ours = convert_checkpoint(as_pickle(ported(port, "Model"), tmp_path))
    inputs = inputs_of("Model")
    alone = {name: each[1:, :7] for name, each in inputs.items()}
    padded = run(ours, inputs).last_hidden_state[1, :7]
    torch.testing.assert_close(padded, run(ours, alone).last_hidden_state[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_hidden_layers": 14}, "7 pairs of layers and 6 kernel sizes"),
        ({"kernel_size_list": [3, 5]}, "6 pairs of layers and 2 kernel sizes"),
        ({"hidden_size": 48}, r"cannot load the weights of .* into what its config\.json says"),
    ],
)
def test_a_configuration_of_other_weights_is_refused(
    port: ModuleType, tmp_path: Path, changes: dict, reason: str
) -> None:
    as_pickle(ported(port, "ForMaskedLM"), tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(AutoBertZeroError, match=reason):
        convert_checkpoint(tmp_path)


def test_a_checkpoint_without_a_layer_is_refused(port: ModuleType, tmp_path: Path) -> None:
    model = ported(port, "ForMaskedLM")
    as_pickle(model, tmp_path)
    weights = {name: each for name, each in model.state_dict().items() if ".layer.11." not in name}
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(AutoBertZeroError, match=r"lacks 16 weights of its backbone.* autobert_zero\.layers\.11\."):
        convert_checkpoint(tmp_path)


def test_shards_are_refused(port: ModuleType, tmp_path: Path) -> None:
    as_pickle(ported(port, "ForMaskedLM"), tmp_path)
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "pytorch_model-00001-of-00001.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text('{"weight_map": {}}')
    with pytest.raises(AutoBertZeroError, match=r"neither model.safetensors nor pytorch_model.bin: .* of one file"):
        convert_checkpoint(tmp_path)
