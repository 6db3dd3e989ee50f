"""A short masked-LM training whose every batch follows from the seed and the step."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import torch
from torch import nn
from transformers import PreTrainedModel

from .masked_lm import MaskedRows


def make_optimizer(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.AdamW:
    """AdamW as BERT is trained with: no weight decay on vectors (biases and norms)."""
    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def learning_rate_at(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over the first tenth of the steps, then linearly down to zero."""
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * (steps - step) / max(1, steps - warm_up)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """For all groups."""
    for group in optimizer.param_groups:
        group["lr"] = value


def train_masked_lm(
    model: PreTrainedModel,
    rows: MaskedRows,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    autocast: Callable[[], AbstractContextManager],
    after_step: Callable[[int], None] | None = None,
) -> None:
    """Train a masked-LM model in place; the result depends on the arguments alone.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(seed)
        model.train()
        optimizer = make_optimizer(model.parameters(), learning_rate)
        for step in range(steps):
            set_learning_rate(optimizer, learning_rate_at(step, steps, learning_rate))
            batch = rows.sample(step, batch_size, seed).to(model.device)
            with autocast():
                loss = model(input_ids=batch.input_ids, labels=batch.labels).loss
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} at step {step + 1}")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if after_step is not None:
                after_step(step + 1)
        model.eval()
