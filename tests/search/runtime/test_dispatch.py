"""Tasks over real processes, with no launcher that would end the others."""

from tests.terminal import Piped, together

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


def test_a_task_that_fails_ends_the_batch_in_all_processes() -> None:
    running = [Piped(["-c", PROCESS], **environment) for environment in together(3)]
    said = [process.end()[1].splitlines() for process in running]
    assert sorted(lines[0] for lines in said) == ["AutoBertZeroError mend this", *["TaskError mend this"] * 2]
    (failed,) = [number for number in (1, 2, 3) if said[number - 1][1] == "ZeroDivisionError a mistake"]
    elsewhere = f"TaskError process {failed} of 3 failed (ZeroDivisionError: a mistake)"
    assert [lines[1] for number, lines in enumerate(said, start=1) if number != failed] == [elsewhere] * 2
