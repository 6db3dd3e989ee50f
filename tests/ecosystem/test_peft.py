"""LoRA with PEFT: with named modules, with PEFT's default ones, and with all linear ones."""

from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, BatchEncoding

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel
from tests.terminal import run

TARGETS = [["q_proj", "v_proj", "out_proj"], None, "all-linear"]


def step(model: torch.nn.Module, **inputs: torch.Tensor) -> None:
    """One step that is large enough to be seen in the outputs."""
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=1.0)
    model.train()
    model(**inputs).loss.backward()
    optimizer.step()
    model.eval()


@pytest.mark.parametrize("targets", TARGETS, ids=["named", "default", "all-linear"])
def test_adapters_alone_learn_and_are_saved_and_merged(
    folder: Path, batch: BatchEncoding, tmp_path: Path, targets: list[str] | str | None
) -> None:
    base = AutoModelForMaskedLM.from_pretrained(folder).eval()
    model = get_peft_model(base, LoraConfig(r=4, target_modules=targets))
    with torch.no_grad():
        before = model.eval()(**batch).logits
    step(model, **batch, labels=batch["input_ids"])
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learned == {name for name, _ in model.named_parameters() if "lora_" in name} != set()
    model.save_pretrained(tmp_path / "adapter")
    again = PeftModel.from_pretrained(AutoModelForMaskedLM.from_pretrained(folder), tmp_path / "adapter").eval()
    with torch.no_grad():
        wanted = model(**batch).logits
        assert (wanted - before).abs().max() > 1e-2
        assert torch.equal(again(**batch).logits, wanted)
        merged = again.merge_and_unload()
        assert type(merged) is type(base)
        torch.testing.assert_close(merged(**batch).logits, wanted, rtol=1e-3, atol=1e-4)
        merged.save_pretrained(tmp_path / "merged")
        reloaded = AutoModelForMaskedLM.from_pretrained(tmp_path / "merged").eval()
        torch.testing.assert_close(reloaded(**batch).logits, merged(**batch).logits)


def test_a_classifier_is_learned_beside_the_adapters(folder: Path, batch: BatchEncoding, tmp_path: Path) -> None:
    """`TaskType.SEQ_CLS` finds the classifier by its name; a pooler that the checkpoint lacks has to be named, too."""
    base = AutoModelForSequenceClassification.from_pretrained(folder)
    model = get_peft_model(base, LoraConfig(TaskType.SEQ_CLS, modules_to_save=["pooler"], target_modules=["q_proj"]))
    step(model, **batch, labels=torch.arange(8) % 5)
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    kinds = {next(kind for kind in ("lora_", "pooler", "classifier") if kind in name) for name in learned}
    assert kinds == {"lora_", "pooler", "classifier"}
    model.save_pretrained(tmp_path / "adapter")
    again = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "adapter").eval()
    with torch.no_grad():
        assert torch.equal(again(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize(
    "layer", ["conv(3)", "matmul(softmax(matmul(k, transpose(k))), k)", "matmul(softmax(matmul(q, transpose(v))), v)"]
)
def test_default_targets_reach_every_layer(config: AutoBertZeroConfig, layer: str) -> None:
    """A convolution has no query, and a formula may be of keys alone."""
    layers = [layer, *config.layers]
    model = AutoBertZeroModel(
        AutoBertZeroConfig(**config.to_dict() | {"layers": layers, "num_hidden_layers": len(layers)})
    )
    model.add_adapter(LoraConfig())  # transformers' own way to PEFT
    for module in model.layers:
        assert any("lora_A" in name for name, _ in module.named_parameters())


def test_default_targets_are_known_where_peft_is_imported_last(folder: Path) -> None:
    """And nobody but the user imports it."""
    script = (
        "import sys, autobert_zero_hf, transformers\n"
        "model = transformers.AutoModel.from_pretrained(sys.argv[1])\n"
        "assert 'peft' not in sys.modules\n"
        "import peft\n"
        "peft.get_peft_model(model, peft.LoraConfig())\n"
    )
    status, said = run(["-c", script, folder])
    assert status == 0, said


def test_adapters_are_switched_on_and_off(folder: Path, batch: BatchEncoding, tmp_path: Path) -> None:
    """A folder of an adapter beside its base opens as any model, without PEFT being named."""
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        plain = model(**batch).last_hidden_state
        model.add_adapter(LoraConfig(target_modules=["q_proj", "in_proj"], init_lora_weights=False))
        adapted = model.eval()(**batch).last_hidden_state
        model.disable_adapters()
        assert torch.equal(model(**batch).last_hidden_state, plain)
        assert not torch.allclose(adapted, plain)
        model.enable_adapters()
        model.save_pretrained(tmp_path / "adapter")
        again = AutoModel.from_pretrained(tmp_path / "adapter").eval()
        torch.testing.assert_close(again(**batch).last_hidden_state, adapted)
