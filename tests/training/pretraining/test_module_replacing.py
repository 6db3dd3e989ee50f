"""Module replacing."""

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer, TrainerControl, TrainingArguments

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.training.pretraining.module_replacing import ModuleReplacing, ReplacingOptions

LAYERS = ["conv(3)", "matmul(softmax(scale(matmul(q, transpose(v)))), v)"]
STEPS = 20


def model(tiny_config: AutoBertZeroConfig, layers: list[str]) -> AutoBertZeroForMaskedLM:
    """Without dropout."""
    fields = {**tiny_config.to_dict(), "layers": layers, "num_hidden_layers": len(layers)}
    fields |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return AutoBertZeroForMaskedLM(AutoBertZeroConfig(**fields))


@pytest.fixture
def batch(documents: Dataset, tokenizer: BertTokenizer) -> dict[str, torch.Tensor]:
    """Of different lengths, so that attentions need their mask."""
    batch = tokenizer(documents["text"][:3], truncation=True, max_length=24, return_tensors="pt", padding=True)
    batch["attention_mask"][1, 12:] = 0
    return {**batch, "labels": batch["input_ids"]}


class Steps:
    """A training at a step, as Trainer tells it."""

    def __init__(self, replacing: ModuleReplacing):
        self.replacing = replacing

    def at(self, step: int) -> list[bool]:
        """Which layers are replaced."""
        state = SimpleNamespace(global_step=step)
        self.replacing.on_step_begin(TrainingArguments("none"), state, TrainerControl())
        return [layer.replaced for layer in self.replacing.layers]


@pytest.fixture
def bert(tiny_config: AutoBertZeroConfig) -> AutoBertZeroForMaskedLM:
    return model(tiny_config, architecture("bert", 4))


@pytest.fixture
def successor(tiny_config: AutoBertZeroConfig) -> AutoBertZeroForMaskedLM:
    return model(tiny_config, LAYERS)


def test_it_begins_as_the_bert_and_ends_as_the_successor(
    bert: AutoBertZeroForMaskedLM, successor: AutoBertZeroForMaskedLM, batch: dict[str, torch.Tensor]
) -> None:
    wanted = bert.train()(**batch).logits
    names = successor.state_dict().keys()
    replacing = ModuleReplacing(bert, successor, ReplacingOptions(replacing_rate=0.0), STEPS, seed=0)
    steps = Steps(replacing)
    assert steps.at(0) == [False, False]
    successor.train()
    torch.testing.assert_close(successor(**batch).logits, wanted)
    assert steps.at(10) == [True, True]
    alone = successor(**batch).logits
    assert not torch.allclose(alone, wanted)
    steps.at(0)
    torch.testing.assert_close(successor.eval()(**batch).logits, alone)
    replacing.end()
    assert successor.state_dict().keys() == names
    torch.testing.assert_close(successor(**batch).logits, alone)


def test_layers_begin_with_what_they_know_of_the_first_that_they_replace(
    bert: AutoBertZeroForMaskedLM, successor: AutoBertZeroForMaskedLM
) -> None:
    old = {name: weight.clone() for name, weight in bert.state_dict().items()}
    new = {name: weight.clone() for name, weight in successor.state_dict().items()}
    replacing = ModuleReplacing(bert, successor, ReplacingOptions(), STEPS, seed=0)
    replacing.end()
    now = successor.state_dict()
    prefix = "autobert_zero.layers"
    assert torch.equal(now[f"{prefix}.0.mlp.up_proj.weight"], old[f"{prefix}.0.mlp.up_proj.weight"])
    assert torch.equal(now[f"{prefix}.1.mlp.up_proj.weight"], old[f"{prefix}.2.mlp.up_proj.weight"])
    assert torch.equal(now[f"{prefix}.1.attention.v_proj.weight"], old[f"{prefix}.2.attention.v_proj.weight"])
    assert torch.equal(now[f"{prefix}.0.convolution.kernels"], new[f"{prefix}.0.convolution.kernels"])
    assert torch.equal(now["head.dense.weight"], old["head.dense.weight"])
    assert successor.decoder.weight is successor.get_input_embeddings().weight
    assert torch.equal(now["decoder.weight"], old["decoder.weight"])


def test_what_is_trained_when(
    bert: AutoBertZeroForMaskedLM, successor: AutoBertZeroForMaskedLM, batch: dict[str, torch.Tensor]
) -> None:
    replacing = ModuleReplacing(bert, successor, ReplacingOptions(replacing_rate=0.5), STEPS, seed=0)
    steps = Steps(replacing)
    step = next(step for step in range(10) if steps.at(step) == [True, False])

    def trained(step: int) -> set[str]:
        steps.at(step)
        successor.train().zero_grad()
        successor(**batch).loss.backward()
        return {name for name, weight in successor.named_parameters() if weight.grad is not None}

    mixed = trained(step)
    assert not any("predecessors" in name or "embeddings" in name or "layers.1" in name for name in mixed)
    assert any("layers.0.successor.convolution" in name for name in mixed) and "head.dense.weight" in mixed
    alone = trained(10)
    assert alone == {name for name, _ in successor.named_parameters() if "predecessors" not in name}


def test_the_probability_rises_to_one(bert: AutoBertZeroForMaskedLM, successor: AutoBertZeroForMaskedLM) -> None:
    options = ReplacingOptions(replacing_rate=0.2, replacing_steps=0.5)
    replacing = ModuleReplacing(bert, successor, options, 4000, seed=0)
    assert [replacing.rate(step) for step in (0, 1000, 2000, 3999)] == pytest.approx([0.2, 0.6, 1.0, 1.0])
    steps = Steps(replacing)
    share = sum(map(sum, map(steps.at, range(2000)))) / 4000
    assert share == pytest.approx(0.6, abs=0.03)
    assert steps.at(123) == steps.at(123)
    both = [steps.at(step) for step in range(300)]
    assert any(one != two for one, two in both)


def test_a_number_of_layers_that_does_not_fit(bert: AutoBertZeroForMaskedLM, tiny_config: AutoBertZeroConfig) -> None:
    for layers in (["conv(3)"] * 3, ["conv(3)"] * 8):
        with pytest.raises(AutoBertZeroError, match=f"the BERT's 4 layers cannot be replaced by {len(layers)}"):
            ModuleReplacing(bert, model(tiny_config, layers), ReplacingOptions(), STEPS, seed=0)
