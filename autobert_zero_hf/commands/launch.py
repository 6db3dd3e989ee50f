"""`accelerate launch --cpu --num_processes N` made to start N processes."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import psutil


def processes_asked_for() -> int:
    """How many processes an `accelerate launch --cpu` asked for and did not start; 1 if there is nothing to mend.

    On CPU, without MPI, accelerate 1.15 starts one process whatever `--num_processes` says. It leaves MASTER_ADDR in
    the environment where more were asked for; the number itself stands in its command line alone.
    """
    launched = os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_ADDR" in os.environ
    by_others = any(name in os.environ for name in ("LOCAL_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"))
    parent = psutil.Process().parent()
    if not launched or by_others or parent is None:
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


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run the command line in so many processes, and wait for them.

    Returns:
        The exit status: 0, or the highest of those that failed.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    run = ["--standalone", f"--nproc_per_node={processes}", "-m", "autobert_zero_hf", *arguments]
    try:
        main(run)
    except ChildFailedError as error:
        return max(1, *(failure.exitcode for failure in error.failures.values()))
    return 0
