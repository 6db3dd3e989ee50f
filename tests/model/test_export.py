"""Exported programs, torch's and ONNX, compute what the model does: for the length they were made with, and for any."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from datasets import Dataset
from torch.export import Dim, ExportedProgram
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.operations import operation
from tests.model.test_modeling import config_with

BACKBONES = {
    "fused and dense": ["conv(65)", AUTOBERT_ZERO[1], "matmul(softmax(neg(euclidean_distance(q, k))), v)"],
    "linear": [
        "conv(3)",
        "conv(31)",
        "matmul(matmul(softsign(q), transpose(k)), v)",
        "matmul(q, softmax(matmul(transpose(k), v)))",
    ],
    "kinds": [f"window(2, {BERT_ATTENTION})", "dynamic_conv(5) + mlp(9)", "fourier", "none"],
}
CASES = [  # a backbone, a head, whether for any length, and whether traced strictly: any two of the ways meet
    ("fused and dense", AutoBertZeroForSequenceClassification, True, False),
    ("linear", AutoBertZeroForMaskedLM, True, False),
    ("kinds", AutoBertZeroForSequenceClassification, True, False),
    ("linear", AutoBertZeroForMaskedLM, False, False),
    pytest.param("fused and dense", AutoBertZeroForMaskedLM, False, True, marks=pytest.mark.long),
    pytest.param("linear", AutoBertZeroForMaskedLM, True, True, marks=pytest.mark.long),
    pytest.param("kinds", AutoBertZeroForSequenceClassification, False, False, marks=pytest.mark.long),
]


@pytest.fixture
def short_and_long(documents: Dataset, tokenizer: BertTokenizer) -> list[dict[str, torch.Tensor]]:
    """Real text: 2 rows of at most 7 tokens, and 3 of at most 64, with padding. A head has 16 features."""
    texts = [" ".join(text.split()[:words]) for text, words in zip(documents["text"], (2, 4, 9, 40, 200), strict=False)]
    short = tokenizer(texts[:2], truncation=True, max_length=7, padding=True, return_tensors="pt")
    long = tokenizer(texts[2:5], truncation=True, max_length=64, padding=True, return_tensors="pt")
    for batch in (short, long):
        del batch["token_type_ids"]
        assert not batch["attention_mask"].all()
    return [dict(short), dict(long)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("backbone", "head", "dynamic", "strict"), CASES)
def test_an_exported_program_computes_the_same_and_so_does_onnx_runtime(
    tiny_config: AutoBertZeroConfig,
    short_and_long: list[dict[str, torch.Tensor]],
    backbone: str,
    head: type,
    dynamic: bool,
    strict: bool,
    tmp_path: Path,
) -> None:
    block: dict[str, Any] = {"classifier_pooling": "mean"}
    if backbone == "kinds":
        block = {"block": "modernbert", "local_rope_theta": 100.0, "classifier_pooling": "first"}
    model = head(config_with(tiny_config, BACKBONES[backbone], **block)).eval()
    short, long = short_and_long
    shapes = {name: {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} for name in short} if dynamic else None
    program = torch.export.export(model, (), short, dynamic_shapes=shapes, strict=strict)
    # Strictly traced it is the same program to ONNX.
    session = None if strict else _onnx(program, short, tmp_path / "model.onnx")
    batches = (short, long) if dynamic else (short,)
    assert_the_same(program.module(), session, model, batches)


def _onnx(
    model: torch.nn.Module | ExportedProgram, example: dict[str, torch.Tensor], file: Path, **options: Any
) -> onnxruntime.InferenceSession:
    given = {} if isinstance(model, ExportedProgram) else {"kwargs": example}
    torch.onnx.export(model, (), file, output_names=["logits"], verbose=False, **given, **options)
    return onnxruntime.InferenceSession(file)


def assert_the_same(
    program: torch.nn.Module | None,
    session: onnxruntime.InferenceSession | None,
    model: torch.nn.Module,
    batches: Iterable[dict[str, torch.Tensor]],
) -> None:
    def said(logits: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """That of real tokens, or of texts: a program computes padding, too."""
        return logits[batch["attention_mask"].bool()] if logits.dim() == 3 else logits

    with torch.no_grad():
        for batch in batches:
            wanted = said(model(**batch).logits, batch)
            if program is not None:
                torch.testing.assert_close(said(program(**batch).logits, batch), wanted, rtol=1e-4, atol=1e-5)
            if session is not None:
                (logits,) = session.run(["logits"], {name: tensor.numpy() for name, tensor in batch.items()})
                torch.testing.assert_close(said(torch.from_numpy(logits), batch), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("head", "dynamic"), [(AutoBertZeroForSequenceClassification, True), (AutoBertZeroForMaskedLM, False)]
)
def test_onnx_takes_the_model_itself(
    tiny_config: AutoBertZeroConfig,
    short_and_long: list[dict[str, torch.Tensor]],
    head: type,
    dynamic: bool,
    tmp_path: Path,
) -> None:
    """As a user gives it, who has no exported program."""
    layers = ["matmul(softmax(euclidean_distance(q, k)), v)"]
    model = head(config_with(tiny_config, layers, classifier_pooling="mean")).eval()
    short, long = short_and_long
    shapes = {name: {0: "batch", 1: "tokens"} for name in short} if dynamic else None
    session = _onnx(model, short, tmp_path / "model.onnx", dynamic_shapes=shapes)
    assert_the_same(None, session, model, (short, long) if dynamic else (short,))


def test_a_program_for_any_length_is_linear_where_the_formula_is(tiny_config: AutoBertZeroConfig) -> None:
    """Made with 7 tokens, where (q·kᵀ)·v is cheaper than q·(kᵀ·v), it makes no matrix of tokens x tokens."""
    model = AutoBertZeroForMaskedLM(
        config_with(tiny_config, [BACKBONES["linear"][2], "matmul(cosine_similarity(q, k), v)"])
    ).eval()
    shapes = {"input_ids": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}}
    program = torch.export.export(model, (), {"input_ids": torch.ones(2, 7, dtype=torch.long)}, dynamic_shapes=shapes)
    products = [node.meta["val"].shape for node in program.graph.nodes if "matmul" in str(node.target)]
    assert len(products) == 4
    assert all(isinstance(shape[-1], int) for shape in products), products  # a length of its own would be a symbol


def test_exported_distances_are_exact_and_have_gradients(tiny_config: AutoBertZeroConfig) -> None:
    """Where rows are nearly equal, and long; and where they are equal."""

    class Distance(torch.nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return operation("euclidean_distance").function(a, b, head_size=16)

    a = 100 * torch.randn(2, 5, 16)
    b = a + 1e-2 * torch.randn(2, 5, 16)
    program = torch.export.export(Distance(), (a, b)).module()
    torch.testing.assert_close(program(a, b), Distance()(a, b), rtol=1e-4, atol=0)
    a.requires_grad_()
    program(a, a.detach()).sum().backward()
    assert torch.isfinite(a.grad).all()
