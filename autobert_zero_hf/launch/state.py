"""What Accelerate and torch keep for all of a process."""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import DistributedType

from .subnormals import subnormals


@contextmanager
def own_state() -> Iterator[None]:
    """A run's: subnormal numbers are nought; afterwards all of it is as if the run had not been.

    Accelerate keeps one precision for all of a process. Several runs in one, as in a notebook, have each their own:
    what is known of processes and precision is forgotten after the block, if nobody knew it before. The processes of
    a launch stay joined, and the state of somebody else's `Accelerator` stays what it is.
    """
    before = is_initialized()
    try:
        with subnormals(flushed=True):
            yield
    finally:
        alone = not PartialState._shared_state or PartialState().distributed_type is DistributedType.NO
        if not before and alone:
            # As TrainingArguments does; there is no public way.
            AcceleratorState._reset_state(reset_partial_state=True)
