"""Models as ONNX Runtime and OpenVINO compute them, beside what they compute themselves."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.exporters import ExportedModel

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroModel
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.serving import RUNTIMES, export
from autobert_zero_hf.serving.runtimes import exported, have_computed, loaded, texts

LINES = [
    "matmul(softmax(scale(matmul(q, transpose(k)))), v)",
    "conv(5)",
    "window(8, matmul(softmax(scale(matmul(q, transpose(k)))), v))",
    "fourier",
    "dynamic_conv(3) + none",
    "none + mlp(32)",
    "matmul(q, matmul(transpose(k), v))",
]
SIZES = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 48}
EXPORTED = [name for name in RUNTIMES if name != "torch"]


@pytest.fixture(scope="module")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "news.txt"
    path.write_text("\n\n".join(documents["text"][:20]))
    return path


def saved(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def mixed(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model with layers of many kinds."""
    torch.manual_seed(0)
    config = AutoBertZeroConfig(layers=LINES, vocab_size=len(tokenizer), initializer_range=0.1, **SIZES)
    return saved(AutoBertZeroForMaskedLM(config), tokenizer, tmp_path_factory.mktemp("models") / "mixed")


def of_real_tokens(model: PreTrainedModel, running: ExportedModel, texts: Sequence[str], name: str) -> float:
    """How far what a runtime computes is from what the model does: squared, as a share of the squares."""
    tokenizer = AutoTokenizer.from_pretrained(name)
    batch = tokenizer(list(texts), padding=True, truncation=True, max_length=48, return_tensors="pt")
    with torch.no_grad():
        wanted = model.eval()(**batch).logits
    given = running(**batch).logits
    assert given.shape == wanted.shape
    if wanted.ndim == 3:
        real = batch["attention_mask"].bool()
        given, wanted = given[real], wanted[real]
    return float((given - wanted).square().sum() / wanted.square().sum())


@pytest.mark.parametrize("runtime", EXPORTED)
def test_every_kind_of_layer_is_served(
    runtime: str, mixed: str, text: Path, documents: Dataset, tmp_path: Path
) -> None:
    """One text and several, of other lengths than those it was exported with; the folder opens again."""
    model = AutoBertZeroForMaskedLM.from_pretrained(mixed)
    running = export(mixed, runtime, tmp_path / "served", text=[str(text)], rows=20)
    again = ExportedModel.from_pretrained(tmp_path / "served", device="cpu")
    for some in (documents["text"][30:31], documents["text"][31:40]):
        error = of_real_tokens(model, running, some, str(tmp_path / "served"))
        # Noughts are as near as 8 bits come to values that fall out of the scales.
        assert 1e-9 < error < 0.05 if RUNTIMES[runtime].int8 else error < 1e-9
        assert of_real_tokens(model, again, some, mixed) < (0.05 if RUNTIMES[runtime].int8 else 1e-3)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_what_formulas_make_far_from_nought_is_served(runtime: str) -> None:
    """Sums over all tokens are large; a runtime that took the logarithm of a sigmoid would be at minus infinity."""
    sums = "matmul(q, matmul(transpose(k), v))"
    layers = [f"{word}({sign}({sums}))" for word in ("logsigmoid", "softsign", "softmax") for sign in ("neg", "scale")]
    layers += [f"matmul({word}({sums}, k), v)" for word in ("cosine_similarity", "euclidean_distance")]
    torch.manual_seed(0)
    config = AutoBertZeroConfig(layers=layers, vocab_size=100, initializer_range=1.0, **SIZES)
    model, inputs = AutoBertZeroModel(config).eval(), texts(torch.randint(100, (2, 40)))
    with torch.no_grad():
        wanted = model(**inputs).last_hidden_state
        found = loaded(exported(model, runtime, inputs), runtime, 1)(**inputs).last_hidden_state
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_a_bert_of_transformers_with_its_head_is_served(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, num_labels=3, initializer_range=0.2, **SIZES)
    name = saved(bert := BertForSequenceClassification(config), tokenizer, tmp_path / "bert")
    running = export(name, "onnx-int8", tmp_path / "served")
    assert of_real_tokens(bert, running, ["a short text", "another text, of more words than that one"], name) < 0.05


def test_what_cannot_be_exported_is_said_before_the_work(mixed: str, text: Path, tmp_path: Path) -> None:
    served, without = tmp_path / "served", tmp_path / "without"
    AutoBertZeroForMaskedLM.from_pretrained(mixed).save_pretrained(without)
    for words, message in (
        ({"runtime": "tensorrt"}, "'tensorrt' is not known: give one of onnx, onnx-int8, openvino, openvino-int8"),
        ({"runtime": "openvino-int8"}, r"takes the scales of activations from real text: give text=\['my.txt'\]"),
        ({"runtime": "onnx", "output_dir": tmp_path}, "exists, and what it holds would be lost"),
        ({"runtime": "onnx", "model": str(tmp_path / "nothing")}, "cannot load a model from"),
        ({"runtime": "openvino-int8", "text": str(tmp_path / "no.txt")}, "no.txt"),
        ({"runtime": "openvino-int8", "text": str(text), "rows": 0}, "rows=0: at least one row of text"),
        ({"runtime": "onnx", "model": str(without)}, "no tokenizer is found at .*: its files belong beside the model"),
    ):
        with pytest.raises(AutoBertZeroError, match=message):
            export(**{"model": mixed, "output_dir": served, **words})  # type: ignore[arg-type]
        assert not served.exists()


def test_a_head_stands_on_what_a_runtime_computes(mixed: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """As the quality of what `shrink` made is judged, and words are predicted."""
    served, model = (AutoBertZeroForMaskedLM.from_pretrained(mixed).eval() for _ in range(2))
    batch = tokenizer(["Prices rose again, and again.", "No."], padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    have_computed(served, "openvino", texts(ids, mask), [], 1, "cpu")
    with torch.no_grad():
        found, wanted = (each(input_ids=ids, attention_mask=mask).logits[mask.bool()] for each in (served, model))
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(served(ids).logits, model(ids).logits, rtol=1e-3, atol=1e-3)
        with pytest.raises(TypeError, match="it takes no token_type_ids"):
            served(**batch)
