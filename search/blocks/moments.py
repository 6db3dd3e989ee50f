"""What linear layers see: the mean and the covariance of their inputs over real text, summed up as it passes.

Shapes: T tokens, D inputs of a linear layer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Moments:
    """The first two moments of vectors that come in parts; the vectors themselves are not kept.

    Args:
        width: D, of a vector.

    Attributes:
        count: T, how many came.
    """

    def __init__(self, width: int):
        self.count = 0
        self._sum = torch.zeros(width, dtype=torch.float64)
        self._products = torch.zeros(width, width, dtype=torch.float64)

    def add(self, vectors: Tensor) -> None:
        """Take in some vectors, (..., D)."""
        rows = vectors.detach().flatten(0, -2).float()
        self.count += len(rows)
        self._sum += rows.sum(0, dtype=torch.float64).cpu()
        # The sum of a batch in single precision is as exact as the activations are.
        self._products += (rows.T @ rows).double().cpu()

    @property
    def mean(self) -> Tensor:
        """The mean of the vectors, (D,), in double precision."""
        return self._sum / self.count

    @property
    def second(self) -> Tensor:
        """The mean of products, (D, D), in double precision."""
        return self._products / self.count

    @property
    def covariance(self) -> Tensor:
        """The covariance of the vectors, (D, D), in double precision."""
        return self.second - torch.outer(self.mean, self.mean)


@contextmanager
def inputs_watched(modules: Mapping[Any, nn.Linear]) -> Iterator[Mapping[Any, Moments]]:
    """The moments of what linear layers take in meanwhile.

    Args:
        modules: the linear layers, by keys of the caller's own.

    Yields:
        Their moments, by the same keys; they grow with every forward pass.
    """
    found = {key: Moments(module.in_features) for key, module in modules.items()}
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, moments=found[key]: moments.add(inputs[0]))
        for key, module in modules.items()
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
