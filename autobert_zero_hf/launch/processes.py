"""The processes and the devices that share a training."""

from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, parse_flag_from_env


def computes_on_cpu() -> bool:
    """Whether there is no accelerator here, or a launch is not to use it."""
    return parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()


def join_launch() -> PartialState:
    """This process among those of its launch; alone, where there is no launch.

    A `PartialState` that is not told so knows no launch on the CPU: each process would take itself for the only one.
    The others wait for as long as one process reads a large text.
    """
    return PartialState(cpu=computes_on_cpu(), timeout=timedelta(days=1))


def devices() -> int:
    """How many devices share a step: one a process, or, of a process that is alone, all its GPUs (DataParallel)."""
    state = join_launch()
    if state.distributed_type is not DistributedType.NO or computes_on_cpu():
        return state.num_processes
    return max(1, torch.cuda.device_count())
