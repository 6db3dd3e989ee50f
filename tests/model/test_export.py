"""Exported programs, torch's and ONNX, compute what the model does: for the length they were made with, and for any."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from datasets import Dataset
from torch.export import Dim
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification
from autobert_zero_hf.model.architectures import AUTOBERT_ZERO, BERT_ATTENTION
from autobert_zero_hf.model.operations import operation
from tests.model.test_modeling import config_with

BACKBONES = {
    "paper": ["conv(65)", *dict.fromkeys(AUTOBERT_ZERO[1::2])],
    "convolutions": ["conv(3)", "conv(31)", "conv(65)"],
    "linear": [
        "matmul(matmul(softsign(q), transpose(k)), v)",
        "matmul(cosine_similarity(q, k), v)",
        "matmul(q, softmax(matmul(transpose(k), v)))",
    ],
    "kinds": [f"window(2, {BERT_ATTENTION})", "dynamic_conv(5) + mlp(9)", "fourier", "none"],
    "dense": ["matmul(softmax(neg(euclidean_distance(q, k))), v)", "matmul(logsigmoid(matmul(q, transpose(k))), v)"],
}
CASES = [  # a head, and whether for any length
    (AutoBertZeroForMaskedLM, False),
    (AutoBertZeroForMaskedLM, True),
    (AutoBertZeroForSequenceClassification, True),
]


@pytest.fixture(params=BACKBONES)
def config(request: pytest.FixtureRequest, tiny_config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    block = {"block": "pre_norm", "positions": "rotary"} if request.param == "kinds" else {}
    return config_with(tiny_config, BACKBONES[request.param], classifier_pooling="mean", **block)


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


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("head", "dynamic"), CASES)
def test_an_exported_program_computes_the_same(
    config: AutoBertZeroConfig, short_and_long: list[dict[str, torch.Tensor]], head: type, dynamic: bool, strict: bool
) -> None:
    model = head(config).eval()
    short, long = short_and_long
    shapes = {name: {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} for name in short} if dynamic else None
    program = torch.export.export(model, (), short, dynamic_shapes=shapes, strict=strict).module()
    with torch.no_grad():
        for batch in (short, long) if dynamic else (short,):
            torch.testing.assert_close(program(**batch).logits, model(**batch).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(("head", "dynamic"), CASES)
def test_onnx_runtime_computes_the_same(
    config: AutoBertZeroConfig,
    short_and_long: list[dict[str, torch.Tensor]],
    head: type,
    dynamic: bool,
    tmp_path: Path,
) -> None:
    model = head(config).eval()
    short, long = short_and_long
    file = tmp_path / "model.onnx"
    torch.onnx.export(
        model,
        (),
        file,
        kwargs=short,
        dynamic_shapes={name: {0: "batch", 1: "tokens"} for name in short} if dynamic else None,
        output_names=["logits"],
        verbose=False,
    )
    session = onnxruntime.InferenceSession(file)
    with torch.no_grad():
        for batch in (short, long) if dynamic else (short,):
            (logits,) = session.run(["logits"], {name: tensor.numpy() for name, tensor in batch.items()})
            torch.testing.assert_close(torch.from_numpy(logits), model(**batch).logits, rtol=1e-4, atol=1e-5)


def test_a_program_for_any_length_is_linear_where_the_formula_is(tiny_config: AutoBertZeroConfig) -> None:
    """Made with 7 tokens, where (q·kᵀ)·v is cheaper than q·(kᵀ·v), it makes no matrix of tokens x tokens."""
    model = AutoBertZeroForMaskedLM(config_with(tiny_config, BACKBONES["linear"][:2])).eval()
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
