"""What a command has found, on stdout as text or as JSON, where nothing else is ever written."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.writing import without_infinities


def write(result: Result, as_json: bool) -> None:
    """Write a result to stdout: its facts as a document of JSON, or its words.

    Raises:
        BrokenPipeError: if nobody reads it any more.
    """
    facts = without_infinities(result.facts)
    print(json.dumps(facts, indent=1, allow_nan=False) if as_json else result)
    sys.stdout.flush()


@contextmanager
def stdout_kept_for_the_result(quiet: bool) -> Iterator[None]:
    """Sends to stderr whatever is written to stdout meanwhile, by libraries in C++ and by other programs, too.

    Args:
        quiet: send it nowhere, and what is written to stderr neither.
    """
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w")) if quiet else None
        if sys.stdout is sys.__stdout__ and sys.stdout is not None:
            # For all that knows of file descriptors only. A caller in this process may have other streams.
            _point(stack, 1, nowhere.fileno() if nowhere else 2)
            if nowhere:
                _point(stack, 2, nowhere.fileno())
        stack.enter_context(redirect_stdout(nowhere or sys.stderr))
        if nowhere and sys.stderr is not sys.__stderr__:
            stack.enter_context(redirect_stderr(nowhere))
        yield


def _point(stack: ExitStack, descriptor: int, target: int) -> None:
    """Until the stack is unwound, a file descriptor is another one's."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    stream.flush()
    kept = os.dup(descriptor)
    os.dup2(target, descriptor)

    def restore() -> None:
        try:
            stream.flush()
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)

    stack.callback(restore)
