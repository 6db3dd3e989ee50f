"""Tasks over the processes of an Accelerate launch: each process pulls the next one from a shared queue."""

import itertools
import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch.distributed import DistError, TCPStore

from autobert_zero_hf.errors import AutoBertZeroError

Task = TypeVar("Task")
Result = Any

_LOCALHOST = "127.0.0.1"
_SECONDS_TO_TELL = 10


class TaskError(AutoBertZeroError):
    """A task that failed in another process; the message says why."""


class Dispatcher:
    """Runs batches of tasks on all processes.

    The queue is a counter in a `torch.distributed.TCPStore` of the main process. A task's result must depend on the
    task alone, since which process runs it is left to chance.
    """

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator
        self._batches = itertools.count()
        self._stores = self._connect() if accelerator.num_processes > 1 else None

    def _connect(self) -> tuple[TCPStore, TCPStore]:
        """Two connections, for the work and for waiting: a connection that waits lets nothing else through."""
        host = os.environ.get("MASTER_ADDR", _LOCALHOST)
        endless = timedelta(days=365)
        main = self._accelerator.is_main_process
        store = TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=endless) if main else None
        port = broadcast_object_list([store.port if store else None])[0]
        first = store or TCPStore(host, port, is_master=False, timeout=endless)
        return first, TCPStore(host, port, is_master=False, timeout=endless)

    def run(
        self, tasks: Sequence[Task], work: Callable[[Task], Result], done: Callable[[int, Result], None]
    ) -> list[Result]:
        """Run `work` on every task.

        Args:
            tasks: the same in every process.
            work: gives a result that JSON can hold.
            done: called in the main process with a task's number and its result, as each one arrives.

        Returns:
            The results in the order of the tasks, in every process.

        Raises:
            TaskError: in every other process, if `work` raises in one. There, the exception itself is raised.
        """
        if self._stores is None:
            results = []
            for number, task in enumerate(tasks):
                results.append(work(task))
                done(number, results[-1])
            return results
        batch = f"batch-{next(self._batches)}"
        store, arrivals = self._stores
        collected: dict[int, Result] = {}
        problems: list[BaseException] = []

        def collect() -> None:
            try:
                for slot in range(len(tasks)):
                    number, result, problem = json.loads(arrivals.get(f"{batch}/{slot}"))
                    if problem is not None:
                        self._let_all_read(batch, arrivals)
                        raise TaskError(problem)
                    collected[number] = result
                    if self._accelerator.is_main_process:
                        done(number, result)
            except BaseException as error:
                problems.append(error)

        def send(arrival: str) -> None:
            store.set(f"{batch}/{store.add(f'{batch}/finished', 1) - 1}", arrival)

        # The main process writes down each result as it arrives, while it works itself.
        collector = threading.Thread(target=collect, daemon=True)
        collector.start()
        while (number := store.add(f"{batch}/next", 1) - 1) < len(tasks) and not problems:
            try:
                arrival = json.dumps([number, work(tasks[number]), None])
            except Exception as error:
                send(json.dumps([number, None, self._words(error)]))
                collector.join(_SECONDS_TO_TELL)
                raise
            send(arrival)
        collector.join()
        if problems:
            raise problems[0]
        return [collected[number] for number in range(len(tasks))]

    def _let_all_read(self, batch: str, store: TCPStore) -> None:
        """Wait until every process has read why a batch ended: the store goes when the main process ends."""
        if store.add(f"{batch}/readers", 1) == self._accelerator.num_processes:
            store.set(f"{batch}/read-by-all", "")
        with suppress(DistError):  # a process that was killed reads nothing
            store.wait([f"{batch}/read-by-all"], timedelta(seconds=_SECONDS_TO_TELL))

    def _words(self, error: Exception) -> str:
        if isinstance(error, AutoBertZeroError):
            return str(error)
        process = f"process {self._accelerator.process_index + 1} of {self._accelerator.num_processes}"
        return f"{process} failed ({type(error).__name__}: {error})"
