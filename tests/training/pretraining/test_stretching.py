"""Larger models of a small one: what they compute, that their copies come apart, and as users make them."""

import json
import re
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForMaskedLM

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.blocks import BLOCKS
from autobert_zero_hf.model.mixers import KINDS
from autobert_zero_hf.training.pretraining.stretching import Stretch

BERT = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
SIZES = {"hidden_size": 24, "num_attention_heads": 2, "head_dim": 8, "intermediate_size": 40, "vocab_size": 90}
WHOLE = [kind.example for kind in KINDS.values() if kind.word not in ("fourier", "none")]
"""Kinds that mix features by their weights alone."""


def small(layers: list[str], **changes: object) -> AutoBertZeroForMaskedLM:
    torch.manual_seed(0)
    fields = {**SIZES, "max_position_embeddings": 32, "initializer_range": 0.2, **changes}
    model = AutoBertZeroForMaskedLM(AutoBertZeroConfig(layers=layers, **fields)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, std=0.5)
    return model


@torch.no_grad()
def words(model: AutoBertZeroForMaskedLM) -> torch.Tensor:
    torch.manual_seed(1)
    ids = torch.randint(1, 90, (3, 20))
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0
    return model.eval()(input_ids=ids, attention_mask=mask).logits[mask.bool()]


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("block", list(BLOCKS))
def test_a_wider_model_computes_the_same_words(block: str, factor: int) -> None:
    model = small([*WHOLE, "none + mlp(16)", f"{BERT} + mlp(12)", "conv(3) + none"], block=block)
    large = Stretch(len(model.config.layers), 24 * factor).model(model, seed=0)
    wanted = words(model)
    torch.testing.assert_close(words(large), wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    assert (large.config.num_attention_heads, large.config.head_dim) == (2 * factor, 8)
    assert large.config.layers[-2].endswith(f"mlp({12 * factor})")


@pytest.mark.parametrize("changes", [{"embedding_size": 10}, {"tie_word_embeddings": False}, {"positions": "rotary"}])
def test_and_whatever_its_embeddings_are(changes: dict[str, object]) -> None:
    model = small([BERT, "conv(3)"], **changes)
    large = Stretch(2, 72).model(model, seed=0)
    torch.testing.assert_close(words(large), words(model), rtol=1e-3, atol=1e-4)
    assert large.config.embedding_size == model.config.embedding_size


def test_copies_learn_apart() -> None:
    """Without noise the gradients of copies are copies of each other, and the model is never any wider."""
    model = small([BERT, "conv(3)"])
    large = Stretch(2, 48).model(model, seed=0).train()
    ids = torch.randint(1, 90, (4, 16))
    large(input_ids=ids, labels=ids).loss.backward()
    for name in ("attention.q_proj", "mlp.up_proj"):
        gradient = large.autobert_zero.layers[0].get_submodule(name).weight.grad
        first, second = gradient.chunk(2)
        assert float((first - second).abs().max()) > 0.1 * float(gradient.abs().max()), name


@pytest.mark.parametrize("block", list(BLOCKS))
def test_a_deeper_model_has_every_weight_of_the_small_one_again(block: str) -> None:
    """And of its own the norm alone that the block leaves out in the first layer."""
    model = small([BERT, "conv(3)"], block=block)
    large = Stretch(6, 24).model(model, seed=0)
    weights, new = dict(model.named_parameters()), []
    for name, weight in large.named_parameters():
        place = re.sub(r"layers\.(\d)", lambda found: f"layers.{int(found[1]) % 2}", name)
        if place in weights:
            assert torch.equal(weight, weights[place]), name
        else:
            new.append((name, weight))
    assert len(new) == (2 if block == "modernbert" else 0)
    assert all(name.endswith("norm.weight") and torch.equal(weight, torch.ones(24)) for name, weight in new)
    assert torch.isfinite(words(large)).all()


def test_layers_are_repeated_as_a_stack() -> None:
    model = small(["conv(3)", BERT, "conv(7) + mlp(10)"])
    large = Stretch(7, 24).model(model, seed=0)
    assert large.config.layers == ["conv(3)", BERT, "conv(7) + mlp(10)"] * 2 + ["conv(3)"]
    weights = [layer.mlp.up_proj.weight for layer in large.autobert_zero.layers]
    assert torch.equal(weights[0], weights[3]) and torch.equal(
        weights[6], model.autobert_zero.layers[0].mlp.up_proj.weight
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("12", "layers and width are wanted, such as 12x768"),
        ("0x48", "layers and width are wanted"),
        ("2x50", "3 layers of width 24; give as many layers at least, and a multiple of 24"),
        ("2x48", "3 layers of width 24"),
        ("9999999x48", "layers and width are wanted"),
    ],
)
def test_what_cannot_be_is_said(text: str, reason: str) -> None:
    with pytest.raises(AutoBertZeroError, match=reason):
        Stretch.read(text).config(small(["conv(3)"] * 3).config)


def test_pretrain_goes_on_from_tiled_weights_or_from_none(
    documents: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(documents["text"][:60]))
    common = ["--text", str(text), "--max-steps", "20", "--batch-size", "8", "--mixed-precision", "no"]
    first = ["--sequence-length", "24", "--vocab-size", "600", "--hidden-size", "16", "--num-attention-heads", "2"]
    found, tiled, anew = (str(tmp_path / name) for name in ("found", "tiled", "anew"))
    begun = ["pretrain", *common, *first, "--layers", "conv(3)", BERT, "--learning-rate", "0.01", "--output-dir", found]
    assert main(begun) == 0
    stretched = ["pretrain", *common, "--stretch-to", "4x32"]
    assert main([*stretched, "--model", found, "--learning-rate", "1e-9", "--output-dir", tiled]) == 0
    model = AutoModelForMaskedLM.from_pretrained(tiled)
    assert model.config.layers == ["conv(3)", BERT] * 2 and model.config.hidden_size == 32
    facts = json.loads(Path(tiled, "pretraining.json").read_text())
    assert facts["started_from"].endswith("stretched to 4x32")
    assert facts["loss"] < 6.3, "less than that of even answers, 6.4"
    words = [*stretched, "--architecture", found, "--sequence-length", "24", "--vocab-size", "600"]
    assert main([*words, "--output-dir", anew]) == 0
    assert AutoModelForMaskedLM.from_pretrained(anew).config.layers == model.config.layers
    capsys.readouterr()
    for bad, reason in (
        ([*stretched], "name its folder, by --model or --architecture"),
        ([*stretched, "--model", found, "--hidden-size", "32"], "--hidden-size: --stretch-to says it"),
        ([*stretched, "--model", found, "--next-sentence"], "no tiled weights are made for its head"),
    ):
        assert main([*bad, "--output-dir", str(tmp_path / "bad")]) == 1
        assert reason in capsys.readouterr().err
