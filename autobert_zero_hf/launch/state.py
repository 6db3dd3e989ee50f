"""What Accelerate keeps for all of a process."""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import DistributedType


@contextmanager
def forgotten_afterwards() -> Iterator[None]:
    """What is known of processes and precision is forgotten after the block, if nobody knew it before.

    Accelerate keeps one precision for all of a process. Several runs in one, as in a notebook, have each their own. The
    processes of a launch stay joined, and the state of somebody else's `Accelerator` stays what it is.
    """
    before = is_initialized()
    try:
        yield
    finally:
        alone = not PartialState._shared_state or PartialState().distributed_type is DistributedType.NO
        if not before and alone:
            # As TrainingArguments does; there is no public way.
            AcceleratorState._reset_state(reset_partial_state=True)
