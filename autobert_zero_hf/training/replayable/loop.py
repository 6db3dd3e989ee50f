"""A short training whose every batch follows from the seed and the step, for whatever head a model has."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from .curve import LossCurve


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
    """Sets the learning rate of all parameter groups of an optimizer."""
    for group in optimizer.param_groups:
        group["lr"] = value


def train(
    model: nn.Module,
    batch_at: Callable[[int], Mapping[str, Tensor]],
    steps: int,
    learning_rate: float,
    seed: int,
    autocast: Callable[[], AbstractContextManager],
    after_step: Callable[[int], None] | None = None,
    curve: LossCurve | None = None,
    **arguments: Any,
) -> None:
    """Train a model in place; the result depends on the arguments alone.

    Args:
        model: a model that gives a loss, as those of transformers do; it is left in evaluation mode.
        batch_at: the keyword arguments of the model, labels included, for a step from 0; on any device.
        steps: how many steps.
        learning_rate: the peak.
        seed: of the dropout.
        autocast: makes the context that a forward pass runs in.
        after_step: called with the number of steps done.
        curve: takes in the losses.
        arguments: further keyword arguments of the model, the same at each step.

    Raises:
        FloatingPointError: at the first loss that is not finite.
    """
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        model.train()
        optimizer = make_optimizer(model.parameters(), learning_rate)
        for step in range(steps):
            set_learning_rate(optimizer, learning_rate_at(step, steps, learning_rate))
            batch = {name: tensor.to(device) for name, tensor in batch_at(step).items()}
            with autocast():
                loss = model(**batch, **arguments).loss
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} at step {step + 1}")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if curve is not None:
                curve.add(step + 1, loss.item())
            if after_step is not None:
                after_step(step + 1)
        model.eval()
