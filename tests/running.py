"""Commands that are under way with all their processes, to be killed and looked at."""

import time
import uuid
from collections.abc import Callable

import psutil

from tests.terminal import Piped


class Running(Piped):
    """A command that is under way, and all its processes."""

    def __init__(self, words: list[str], **environment: str):
        self.mark = uuid.uuid4().hex
        super().__init__(words, COMMAND_UNDER_TEST=self.mark, **environment)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            assert self.process.is_alive(), self.end()
            time.sleep(0.005)

    def alive(self) -> list[psutil.Process]:
        """Those that it has started, whoever their parent is by now."""
        every = psutil.process_iter(["environ"])
        return [each for each in every if (each.info["environ"] or {}).get("COMMAND_UNDER_TEST") == self.mark]

    def worker(self, rank: int) -> psutil.Process:
        return next(each for each in self.alive() if each.info["environ"].get("RANK") == str(rank))

    def fails(self) -> list[str]:
        """The lines on stderr; none of its processes is left."""
        status, _, said = self.end()
        assert status == 1, said
        assert not self.alive()
        return said.splitlines()
