"""Numbers below 1e-38, with which a processor computes up to a hundred times as slowly as with others."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def subnormals(*, flushed: bool) -> Iterator[None]:
    """In the block such numbers are nought, or they are kept, as torch does unless it is told otherwise.

    Some formulas make many of them, above all softmax of numbers that are far apart, and its gradients. Kept, they made
    the training of one backbone in a hundred take 16 times as long (`tests/benchmarks/subnormals.py`); what they say is
    less than the rounding of anything that they are added to.

    It is a setting of the calling thread, and of those that torch begins in the block: of all of a command's, but where
    a program has computed with several threads before, these stay as they are. On a GPU it changes nothing.

    Args:
        flushed: whether they are nought.
    """
    before = are_flushed()
    torch.set_flush_denormal(flushed)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def are_flushed() -> bool:
    """Whether the calling thread has nought for such numbers; torch does not say."""
    return float(torch.tensor(1e-39, dtype=torch.float32, device="cpu")) == 0.0
