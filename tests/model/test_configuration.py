import json
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers import AutoConfig, AutoModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroModel
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
        AutoBertZeroConfig(layers=["conv(3)", "add(q)", 7], hidden_size=100, vocab_size=0, hidden_dropout_prob=3)
    said = str(caught.value)
    for part in (
        "vocab_size must be at least 1, not 0",
        "hidden_dropout_prob is a probability",
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
        ({"num_hidden_layers": 0}, "at least one layer: layers is \\[\\], num_hidden_layers 0"),
        ({"num_hidden_layers": -3}, "at least one layer"),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob is a probability, at least 0 and less than 1, not 1.0"),
        ({"attention_probs_dropout_prob": float("nan")}, "attention_probs_dropout_prob is a probability"),
        ({"classifier_dropout": -0.1}, "classifier_dropout is a probability"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be more than 0, not 0"),
        ({"initializer_range": float("inf")}, "initializer_range must be at least 0, not inf"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers must be at most 1,024, not 10000000$"),
        ({"num_hidden_layers": 10**9, "vocab_size": 10**12}, "vocab_size must be at most 33,554,432, not"),
        ({"num_hidden_layers": 10**9, "layers": ["conv(3)"]}, "num_hidden_layers must be at most 1,024, not"),
        ({"layers": ["conv(3)"] * 10**6}, "layers has 1,000,000 lines, of at most 1,024"),
        ({"layers": "conv(3)" * 10**6}, "layers is a list of texts, a line for each layer, not 'conv"),
        ({"layers": [[["conv(3)"] * 10**6]]}, r"layers\[0\]: a layer is a text such as conv\(9\), not list"),
        ({"layers": ["nonsense" * 10**5] * 1000}, "and 992 more lines are not legal"),
        ({"layers": ["conv(" + "9" * 10**6]}, r"layers\[0\]: too large: the formula has 1000005 characters"),
        ({"hidden_size": 10**9}, "hidden_size must be at most 262,144"),
        ({"hidden_size": 10**5000}, "hidden_size must be at most 262,144, not a number of"),
        ({"num_attention_heads": 2**13, "head_dim": 2**13}, "8,192 heads of 8,192 are wider than 262,144 together"),
        ({"hidden_act": "x" * 10**6}, "unknown hidden_act 'xxx"),
        ({"layer_norm_eps": 10**400}, "layer_norm_eps must be more than 0, not a number of"),
        ({"num_labels": 10**9}, "num_labels is a whole number of at most 1,048,576, not 1000000000"),
        ({"num_labels": "two"}, "num_labels is a whole number of at most 1,048,576, not 'two'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_sizes_that_do_not_fit(options: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        AutoBertZeroConfig(**options)
    assert len(str(caught.value)) < 4000


def test_labels_are_bounded_where_a_model_is_opened(tmp_path: Path) -> None:
    AutoBertZeroConfig(layers=["conv(3)"]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="num_labels is a whole number of at most"):
        AutoConfig.from_pretrained(tmp_path, num_labels=10**9)
    assert AutoConfig.from_pretrained(tmp_path, num_labels=7).num_labels == 7


def test_a_config_that_was_made_wrong_by_hand_is_not_loaded(tmp_path: Path) -> None:
    AutoBertZeroConfig(layers=["conv(3)"]).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("conv(3)", "__import__(1)"))
    with pytest.raises(ValueError, match="layers\\[0\\]: unexpected character"):
        AutoConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"hidden_size": "64"}, {"hidden_size": 64.0}, {"hidden_size": True, "num_attention_heads": 1},
        {"num_hidden_layers": 2.0}, {"classifier_pooling": "max"}, {"kernel_softmax": "yes"}, {"sparse_prediction": 1},
        {"hidden_act": None},
    ],
)  # fmt: skip
def test_types_are_strict(options: dict) -> None:
    with pytest.raises((TypeError, StrictDataclassFieldValidationError), match=next(iter(options))):
        AutoBertZeroConfig(**options)


def test_the_size_of_a_head_is_free(tmp_path: Path) -> None:
    """Wider and narrower than hidden_size / num_attention_heads, and where that is no whole number; AutoTinyBERT needs
    it, and so does who asks for it in transformers#18968."""
    for head_dim in (1, 8, 40):
        config = AutoBertZeroConfig(
            layers=["conv(3)", "matmul(softmax(matmul(q, transpose(k))), v)"],
            vocab_size=50,
            hidden_size=20,
            num_attention_heads=3,
            head_dim=head_dim,
            intermediate_size=8,
        )
        model = AutoBertZeroModel(config).eval()
        assert model.layers[1].attention.q_proj.weight.shape == (3 * head_dim, 20)
        model.save_pretrained(tmp_path)
        ids = torch.randint(0, 50, (2, 7))
        with torch.no_grad():
            assert torch.equal(AutoModel.from_pretrained(tmp_path)(ids).last_hidden_state, model(ids).last_hidden_state)


def test_the_first_checkpoint_still_opens_and_computes_the_same() -> None:
    """Written by the first version that made any, which knew no `kernel_softmax`."""
    folder = Path(__file__).parent / "checkpoints" / "first"
    written = json.loads((folder / "config.json").read_text())
    assert "kernel_softmax" not in written
    model, report = AutoBertZeroForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    config = model.config
    assert config.layers == written["layers"]
    assert (config.head_dim, config.classifier_pooling, config.num_labels) == (4, "mean", 3)
    assert model.config.kernel_softmax
    ids = torch.tensor([[2, 7, 11, 3, 0, 0], [2, 5, 9, 13, 17, 3]])
    with torch.no_grad():
        logits = model(ids, attention_mask=(ids != 0).long()).logits
    # What that version printed.
    wanted = [[0.0, -1.6039280, -0.0538963, 0.8009466], [0.0, 1.0079920, -1.0031322, -0.4060024]]
    torch.testing.assert_close(logits[:, 1, :4], torch.tensor(wanted), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits[1].sum(), torch.tensor(-0.2313047), rtol=1e-3, atol=1e-4)


def test_what_is_derived_may_stand_in_a_file(tmp_path: Path) -> None:
    AutoBertZeroConfig(layers=["conv(3)"]).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "layer_types": ["conv"]}))
    assert AutoConfig.from_pretrained(tmp_path).layer_types == ["conv"]


def test_what_was_changed_since_is_checked_before_a_model_is_built(tmp_path: Path) -> None:
    layers = ["conv(3)", "conv(5)"]
    config = AutoBertZeroConfig(layers=layers, hidden_size=12)
    layers.append("nonsense")  # the caller's list is not the configuration's
    AutoBertZeroModel(config).save_pretrained(tmp_path)
    config.layers.append("nonsense")
    with pytest.raises(ValueError, match="layers\\[2\\]"):
        AutoBertZeroModel(config)
    with pytest.raises(ValueError, match="num_hidden_layers is 1, but layers has 2"):
        AutoBertZeroModel.from_pretrained(tmp_path, num_hidden_layers=1)
    shorter = AutoBertZeroModel.from_pretrained(tmp_path, layers=["conv(3)"])
    assert shorter.config.num_hidden_layers == len(shorter.layers) == 1
    assert AutoConfig.from_pretrained(tmp_path, hidden_dropout_prob=0.3).hidden_dropout_prob == 0.3


def test_widths_of_single_layers_become_part_of_their_lines() -> None:
    """As transformers' per_layer_config has them, in either form."""
    config = AutoBertZeroConfig(
        layers=["conv(3)", "none + mlp(9)", "conv(5)"],
        per_layer_config={1: {"intermediate_size": 7}, "2": {"intermediate_size": 8}},
    )
    assert config.layers == ["conv(3)", "none + mlp(7)", "conv(5) + mlp(8)"]
    assert not getattr(config, "is_heterogeneous", False)  # since transformers 5.15
    for own in ({3: {"intermediate_size": 7}}, {0: {"hidden_size": 7}}, {0: {"skip": ["mlp"]}}):
        with pytest.raises(ValueError, match="all else of a layer stands in `layers`"):
            AutoBertZeroConfig(layers=["conv(3)"] * 3, per_layer_config=own)
