"""The command line in a process and a terminal of its own, and what stands on its screen.

Each process is forked from one that has imported the package already, which saves the seconds of the import.
"""

import fcntl
import multiprocessing
import os
import pty
import runpy
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from typing import Any

import pyte

_PATIENCE = 300.0
"""Seconds after which what should have ended is killed."""
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "autobert_zero_hf.commands.main",
        "autobert_zero_hf.search.run.search_run",
        "tests.terminal",
        "tests.forked_from",
    ]
)


def _be_python(words: Sequence[str], streams: Sequence[Any], environment: dict[str, str]) -> None:
    """`python -m autobert_zero_hf`, or `python -c`, in a new session."""
    os.setsid()
    descriptors = [stream.detach() for stream in streams]
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    # Else there would be another writer, and nobody would see the end.
    for descriptor in set(descriptors) - {0, 1, 2}:
        os.close(descriptor)
    if os.isatty(2):
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(number, "w" if number else "r", buffering=1 if os.isatty(number) or number == 2 else -1)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    # What a shell gives to a job in the foreground; one in the background ignores it, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(environment)
    for name in [name for name, value in environment.items() if not value]:
        del os.environ[name]
    if words[0] == "-c":
        _, code, *words = words
        sys.argv = ["-c", *words]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        return
    sys.argv = ["autobert-zero", *words]
    runpy.run_module("autobert_zero_hf", run_name="__main__", alter_sys=True)


def start(words: Sequence[str], out: int, err: int, **environment: str) -> BaseProcess:
    """The command, or `-c` and code, with these file descriptors; an empty value takes a variable away."""
    with open(os.devnull) as nothing:
        streams = [nothing.fileno(), out, err]
        environment = {"OMP_NUM_THREADS": "1", **environment}
        arguments = ([str(word) for word in words], [_Later(each) for each in streams], environment)
        process = _CONTEXT.Process(target=_be_python, args=arguments, daemon=True)
        process.start()
    return process


def run(words: Sequence[Any], **environment: str) -> tuple[int, str]:
    """The command to its end: its status, and what came out of stdout and of stderr, in the order in which it came."""
    return _run(words, [environment])


def run_together(processes: int, words: Sequence[Any]) -> tuple[int, str]:
    """The command in processes that work together."""
    return _run(words, together(processes))


def together(processes: int) -> list[dict[str, str]]:
    """The environments of processes that work together, as a launcher makes them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "True"}
    common |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "ACCELERATE_MIXED_PRECISION": "no"}
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(processes)]


def _run(words: Sequence[Any], environments: Sequence[dict[str, str]]) -> tuple[int, str]:
    said, out = os.pipe()
    processes = [start(words, out, out, **environment) for environment in environments]
    os.close(out)
    with os.fdopen(said) as stream:
        text = stream.read()
    return _status(processes), text


def _status(processes: Sequence[BaseProcess]) -> int:
    """Of processes that worked together, when all have ended: the first that is a failure."""
    for process in processes:
        process.join()
    return next((process.exitcode for process in processes if process.exitcode), 0)


def kill_when(happened: Callable[[], Any], words: Sequence[Any]) -> None:
    """Begin the command, and kill it as soon as something has happened, before it ends."""
    with open(os.devnull, "w") as nothing:
        process = start(words, nothing.fileno(), nothing.fileno())
    while not happened():
        assert process.is_alive(), "it ended before it could be killed"
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


class _Later:
    """A file descriptor that is duplicated when it is pickled for the child."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (DupFd(self.descriptor),)


def _same(duplicate: Any) -> Any:
    return duplicate


class Piped:
    """The command with two pipes.

    Args:
        words: of the command line.
        processes: how many work together; the first of them is `process`.
        environment: beside that of this process.
    """

    def __init__(self, words: Sequence[Any], processes: int = 1, **environment: str):
        (self.out, out), (self.err, err) = os.pipe(), os.pipe()
        environments = together(processes) if processes > 1 else [{}]
        self.processes = [start(words, out, err, **each, **environment) for each in environments]
        self.process = self.processes[0]
        os.close(out)
        os.close(err)

    def read_line(self) -> str:
        """Of stderr."""
        line = b""
        while not line.endswith(b"\n") and (byte := os.read(self.err, 1)):
            line += byte
        return line.decode()

    def end(self) -> tuple[int, str, str]:
        """The status, of several the first that is a failure, and what came out of stdout and of stderr."""
        said = {self.out: b"", self.err: b""}
        unfinished = set(said)
        while unfinished:
            for each in select.select(list(unfinished), [], [])[0]:
                if not (block := os.read(each, 65536)):
                    unfinished.discard(each)
                said[each] += block
        return _status(self.processes), said[self.out].decode(), said[self.err].decode()


class Terminal:
    """The command in a terminal.

    Args:
        words: of the command line.
        columns: its width.
        rows: its height.
        out: a file descriptor for stdout, instead of the terminal.
        environment: beside that of this process.
    """

    def __init__(
        self, words: Sequence[Any], columns: int = 100, rows: int = 40, out: int | None = None, **environment: str
    ):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._ours, theirs = pty.openpty()
        self._resize(columns, rows)
        self.before = termios.tcgetattr(self._ours)
        environment = {"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **environment}
        self.process = start(words, theirs if out is None else out, theirs, **environment)
        os.close(theirs)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """As when a window is drawn larger or smaller."""
        self._resize(columns, rows)
        self.screen.resize(rows, columns)

    def press(self, keys: bytes) -> None:
        """As from a keyboard."""
        os.write(self._ours, keys)

    def look(self, seconds: float = 0.1) -> str:
        """What stands there once whatever comes within so many seconds was read."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                try:
                    block = os.read(self._ours, 65536)
                except OSError:  # the other end is closed
                    break
                self.raw += block
                self._stream.feed(block)
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_until(self, happened: Callable[[str], Any]) -> str:
        """What stands there when something has happened."""
        while not happened(shown := self.look()):
            assert self.process.is_alive() or happened(self.look()), shown
        return shown

    def end(self) -> tuple[int, str]:
        """The status, and what stands there in the end."""
        until = time.monotonic() + _PATIENCE
        while self.process.is_alive():
            if time.monotonic() > until:
                self.process.kill()
            self.look()
        shown = self.look()
        assert self.process.exitcode is not None
        assert termios.tcgetattr(self._ours)[:4] == self.before[:4], "the terminal is as it was"
        assert not self.screen.cursor.hidden
        return self.process.exitcode, shown

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.press(b"\x03")
