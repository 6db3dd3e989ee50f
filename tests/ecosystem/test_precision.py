"""Half precision and int8: how near they are to float32."""

import io
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, BatchEncoding

HALVES = [(torch.bfloat16, 2e-2), (torch.float16, 3e-3)]


def error(actual: torch.Tensor, wanted: torch.Tensor) -> float:
    """The root of the mean squared error, as a share of that of the wanted values."""
    return ((actual.float() - wanted).square().mean() / wanted.square().mean()).sqrt().item()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype, allowed", HALVES)
def test_half_precision_is_near_float32(
    folder: Path, batch: BatchEncoding, dtype: torch.dtype, allowed: float, implementation: str
) -> None:
    real = batch["attention_mask"].bool()
    whole = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation=implementation).eval()
    half = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation=implementation, dtype=dtype).eval()
    cast = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation=implementation).eval().to(dtype)
    with torch.no_grad():
        wanted = whole(**batch, output_hidden_states=True)
        actual = half(**batch, output_hidden_states=True)
        assert torch.equal(cast(**batch, output_hidden_states=True).logits, actual.logits)
    for a, w in zip((*actual.hidden_states, actual.logits), (*wanted.hidden_states, wanted.logits), strict=True):
        assert a.dtype == dtype
        assert 0 < error(a[real], w[real]) < allowed
    agree = actual.logits[real].argmax(-1) == wanted.logits[real].argmax(-1)
    assert agree.float().mean() > 0.9


@pytest.mark.parametrize("dtype, allowed", HALVES)
def test_half_precision_is_trained(folder: Path, batch: BatchEncoding, dtype: torch.dtype, allowed: float) -> None:
    """A step on weights of half precision; the gradients are near those of float32."""
    gradients = []
    for each in (torch.float32, dtype):
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=each).eval()
        model(**batch, labels=batch["input_ids"]).loss.backward()
        gradients.append(torch.cat([weight.grad.float().flatten() for weight in model.parameters()]))
    assert error(gradients[1], gradients[0]) < 5 * allowed


def test_a_half_precision_model_stays_one(folder: Path, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path / "half")
    assert AutoModel.from_pretrained(tmp_path / "half", dtype="auto").dtype == torch.bfloat16
    assert AutoModel.from_pretrained(tmp_path / "half", dtype=torch.float32).dtype == torch.float32


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated", "ignore:torch.quantize_per_tensor")
def test_linear_layers_run_in_int8(folder: Path, batch: BatchEncoding) -> None:
    """torch's own dynamic quantisation; its successor is a package apart, torchao."""
    real = batch["attention_mask"].bool()
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    small = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    assert not any(type(module) is torch.nn.Linear for module in small.modules())
    with torch.no_grad():
        wanted, actual = model(**batch).logits[real], small(**batch).logits[real]
    # A linear formula multiplies three projections, and so their errors.
    assert 0 < error(actual, wanted) < 0.1
    assert (actual.argmax(-1) == wanted.argmax(-1)).float().mean() > 0.8
    assert written(small.autobert_zero.layers) < 0.5 * written(model.autobert_zero.layers)


def written(module: torch.nn.Module) -> int:
    """The bytes of a module's state as a file."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    return file.tell()
