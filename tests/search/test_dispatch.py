"""Tasks over real processes, with no launcher that would end the others."""

import os
import socket
import subprocess
import sys
from typing import Any

PROCESS = """
import sys, time
from accelerate import Accelerator
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.search.runtime.dispatch import Dispatcher

accelerator = Accelerator(cpu=True)
dispatcher = Dispatcher(accelerator)

def run(count, error=None):
    def work(task):
        time.sleep(0.02)
        if task == 7:
            raise error
        return {"task": task}

    return dispatcher.run(range(count), work, lambda number, result: None)

assert run(4) == [{"task": task} for task in range(4)]
for error in (AutoBertZeroError("mend this"), ZeroDivisionError("a mistake")):
    try:
        run(1000, error)
    except Exception as raised:
        print(type(raised).__name__, raised)
assert run(4) == [{"task": task} for task in range(4)]
"""


def run_processes(script: str, count: int) -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch: dict[str, Any] = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1"}
    launch.update(MASTER_PORT=port, OMP_NUM_THREADS=1, ACCELERATE_USE_CPU=True)
    processes = []
    for rank in range(count):
        place = {name: str(value) for name, value in {**launch, "RANK": rank, "LOCAL_RANK": rank}.items()}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", script], env={**os.environ, **place}, text=True, stdout=subprocess.PIPE
            )
        )
    try:
        return [process.communicate(timeout=60)[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_task_that_fails_ends_the_batch_in_all_processes() -> None:
    said = [lines.splitlines() for lines in run_processes(PROCESS, 3)]
    assert sorted(lines[0] for lines in said) == ["AutoBertZeroError mend this", *["TaskError mend this"] * 2]
    (failed,) = [number for number in (1, 2, 3) if said[number - 1][1] == "ZeroDivisionError a mistake"]
    elsewhere = f"TaskError process {failed} of 3 failed (ZeroDivisionError: a mistake)"
    assert [lines[1] for number, lines in enumerate(said, start=1) if number != failed] == [elsewhere] * 2
