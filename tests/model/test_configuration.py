import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO


def test_the_default_is_the_paper_backbone_in_the_size_of_bert_base() -> None:
    config = AutoBertZeroConfig()
    assert config.layers == list(AUTOBERT_ZERO)
    assert (config.num_hidden_layers, config.hidden_size, config.head_dim) == (12, 768, 64)
    assert config.layer_types == ["conv", "full_attention"] * 6


def test_layers_are_readable_in_the_file_and_come_back(tmp_path: Path) -> None:
    layers = ["conv(9)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"]
    AutoBertZeroConfig(layers=layers, hidden_size=100, num_attention_heads=3, head_dim=8).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["layers"] == layers
    assert written["model_type"] == "autobert_zero"
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(loaded, AutoBertZeroConfig)
    assert (loaded.layers, loaded.num_hidden_layers, loaded.head_dim) == (layers, 2, 8)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        AutoBertZeroConfig(layers=["conv(3)", "add(q)", 7], hidden_size=100, vocab_size=0)
    said = str(caught.value)
    for part in (
        "vocab_size must be at least 1, not 0",
        "hidden_size (100) is not a multiple of num_attention_heads (12)",
        "layers[1]: add takes 2 operands, not 1\n    add(q)\n    ^^^^^^",
        "layers[2]: a layer is a text",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"layers": []}, "at least one layer"),
        ({"layers": "conv(3)"}, "layers is a list of texts"),
        ({"layers": ["conv(3)"], "hidden_act": "nope"}, "unknown hidden_act 'nope'"),
        ({"layers": ["conv(3)"], "pad_token_id": 40000}, "not in the vocabulary"),
        ({"layers": ["conv(3)"], "num_hidden_layers": 2}, "num_hidden_layers is 2, but layers has 1"),
        ({"layers": ["conv(3)"], "head_dim": 0}, "head_dim must be at least 1"),
        ({"num_hidden_layers": 0}, "at least one layer"),
    ],
)
def test_sizes_that_do_not_fit(options: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AutoBertZeroConfig(**options)


def test_a_config_that_was_made_wrong_by_hand_is_not_loaded(tmp_path: Path) -> None:
    AutoBertZeroConfig(layers=["conv(3)"]).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("conv(3)", "__import__(1)"))
    with pytest.raises(ValueError, match="layers\\[0\\]: unexpected character"):
        AutoConfig.from_pretrained(tmp_path)
