"""What a training loop relies on: gradient checkpointing, seeds, compiled heads, Accelerate."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import BatchEncoding

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification


def gradients(model: torch.nn.Module, batch: BatchEncoding) -> list[torch.Tensor]:
    """The loss, and the gradients of all weights, in training."""
    model.train().zero_grad()
    torch.manual_seed(1)
    loss = model(**batch, labels=batch["input_ids"]).loss
    loss.backward()
    return [loss.detach(), *(weight.grad for weight in model.parameters())]


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradient_checkpointing_changes_nothing_but_the_memory(
    config: AutoBertZeroConfig, batch: BatchEncoding, dropout: float, reentrant: bool
) -> None:
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    model = AutoBertZeroForMaskedLM(config)
    calls = [0] * len(config.layers)
    for place, layer in enumerate(model.autobert_zero.layers):

        def count(*_, place: int = place) -> None:
            calls[place] += 1

        layer.mlp.register_forward_pre_hook(count)
    wanted = gradients(model, batch)
    assert calls == [1] * len(config.layers)
    # The word of versions before that of today.
    word = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    getattr(model, f"{word}_checkpointing_enable")({"use_reentrant": reentrant})
    if reentrant:  # it finds gradients only where an input has one
        model.enable_input_require_grads()
    for actual, each in zip(gradients(model, batch), wanted, strict=True):
        torch.testing.assert_close(actual, each)
    assert calls == [3] * len(config.layers)  # once more, and once again on the way back
    getattr(model, f"{word}_checkpointing_disable")()
    gradients(model, batch)
    assert calls == [4] * len(config.layers)


def test_a_compiled_head_with_its_loss_and_hidden_states(config: AutoBertZeroConfig, batch: BatchEncoding) -> None:
    """As one graph. transformers prepares the capture of hidden states in the first call, which has to be eager."""
    model = AutoBertZeroForSequenceClassification(config).eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    labels = torch.arange(8) % 5
    wanted = model(**batch, labels=labels, output_hidden_states=True)
    actual = compiled(**batch, labels=labels, output_hidden_states=True)
    torch.testing.assert_close(actual.loss, wanted.loss)
    assert len(actual.hidden_states) == len(config.layers) + 1
    for one, other in zip((actual.logits, *actual.hidden_states), (wanted.logits, *wanted.hidden_states), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    for one, other in zip(
        torch.autograd.grad(actual.loss, list(model.parameters())),
        torch.autograd.grad(wanted.loss, list(model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    torch._dynamo.reset()


def test_a_seed_gives_the_weights_and_the_step(config: AutoBertZeroConfig, batch: BatchEncoding) -> None:
    def trained(seed: int) -> list[dict[str, torch.Tensor]]:
        set_seed(seed)
        model = AutoBertZeroForMaskedLM(config)
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        model.train()(**batch, labels=batch["input_ids"]).loss.backward()
        optimizer.step()
        return [before, model.state_dict()]

    one, again, other = trained(0), trained(0), trained(1)
    for first, second, third in zip(one, again, other, strict=True):
        for name, weight in first.items():
            assert torch.equal(weight, second[name]), name
        drawn = [name for name, weight in first.items() if weight.dim() > 1]
        assert any("kernels" in name for name in drawn)
        assert not any(torch.equal(first[name], third[name]) for name in drawn)


def test_accelerate_trains_it(config: AutoBertZeroConfig, batch: BatchEncoding) -> None:
    """Prepared by an Accelerator, a step gives what it gives without one."""

    def made() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = AutoBertZeroForMaskedLM(config).eval()
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    plain, optimizer = made()
    plain(**batch, labels=batch["input_ids"]).loss.backward()
    optimizer.step()
    accelerator = Accelerator(cpu=True)
    model, optimizer, loader = accelerator.prepare(*made(), torch.utils.data.DataLoader([dict(batch)], batch_size=None))
    for inputs in loader:
        accelerator.backward(model(**inputs, labels=inputs["input_ids"]).loss)
        optimizer.step()
    for name, weight in accelerator.get_state_dict(model).items():
        torch.testing.assert_close(weight, plain.state_dict()[name], msg=name)
