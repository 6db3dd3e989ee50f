"""A short masked-LM training whose every batch follows from the seed and the step."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from torch import Tensor, nn

from .loop import train
from .masked_lm import MaskedRows


def train_masked_lm(
    model: nn.Module,
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

    def batch_at(step: int) -> dict[str, Tensor]:
        batch = rows.sample(step, batch_size, seed)
        return {"input_ids": batch.input_ids, "labels": batch.labels}

    train(model, batch_at, steps, learning_rate, seed, autocast, after_step)
