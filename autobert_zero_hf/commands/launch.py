"""`accelerate launch --cpu --num_processes N` made to start N processes, and what is said when one of them ends."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from .exit_status import Status


def processes_asked_for() -> int:
    """How many processes an `accelerate launch` on the CPU asked for and did not start; 1 if nothing is to be mended.

    On CPU, without MPI, accelerate 1.15 starts one process whatever `--num_processes` says. It leaves MASTER_ADDR in
    the environment where more were asked for; the number itself stands in its command line alone.
    """
    launched = "MASTER_ADDR" in os.environ and "ACCELERATE_USE_CPU" in os.environ
    by_others = any(name in os.environ for name in ("LOCAL_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"))
    parent = psutil.Process().parent()
    if not launched or by_others or parent is None or not _on_cpu():
        return 1
    words = [word for argument in parent.cmdline() for word in argument.split("=", 1)]
    for option, value in pairwise(words):
        if option.replace("-", "_") == "__num_processes" and value.isdecimal():
            return int(value)
    print(
        "warning: accelerate launch started one process on the CPU; for more, give --num_processes on its command line",
        file=sys.stderr,
    )
    return 1


def _on_cpu() -> bool:
    if os.environ["ACCELERATE_USE_CPU"] == "True":
        return True
    import torch

    return not torch.accelerator.is_available()


def launch(processes: int, arguments: Sequence[str], goes_on: str) -> int:
    """Run the command line in so many processes, and wait for them; when one fails, the others are ended.

    Args:
        processes: how many.
        arguments: the command line.
        goes_on: what to say to one whose command was ended from outside.

    Returns:
        The exit status: 0, or that of the process that failed first.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    # What torch has to say about processes that fail is said below, or by themselves.
    for module in ("multiprocessing.api", "agent.server.api"):
        logging.getLogger(f"torch.distributed.elastic.{module}").setLevel(logging.CRITICAL)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ["ACCELERATE_USE_CPU"] = "True"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    with TemporaryDirectory(prefix="autobert-zero-") as folder:
        run = ["--standalone", f"--nproc_per_node={processes}", f"--log-dir={folder}", "-m", "autobert_zero_hf"]
        try:
            main([*run, *arguments])
        except ChildFailedError as error:
            # In the order in which they were seen; those that were ended for the sake of the first come after it.
            rank, failure = next(iter(error.failures.items()))
            if said := _end_of(failure.exitcode):
                print(f"error: process {rank + 1} of {processes} {said}{goes_on}", file=sys.stderr)
            return max(1, failure.exitcode)
        except SignalException as error:
            if error.sigval != signal.SIGINT:  # which the processes get too, and the first of them says so
                print(f"error: ended by {signal.Signals(error.sigval).name}{goes_on}", file=sys.stderr)
            return 128 + error.sigval
    return 0


def _end_of(status: int) -> str | None:
    """How a process ended that could not say so itself."""
    if status == -signal.SIGKILL:
        return "was killed (SIGKILL: by hand, or by a system that ran out of memory)"
    if status == Status.TERMINATED:
        status = -signal.SIGTERM
    return f"was killed ({signal.Signals(-status).name})" if status < 0 else None


def in_launch() -> bool:
    """Whether a launcher has started this process."""
    return "TORCHELASTIC_ERROR_FILE" in os.environ


def first_to_speak() -> bool:
    """Whether this is the first process of a launch that says why it ends; the others mostly end of the same cause."""
    error_file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not error_file:
        return True
    try:
        (Path(error_file).parents[1] / "said").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # such as a full disk: rather twice than never
        return True
    return True
