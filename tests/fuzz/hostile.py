"""What all kinds of hostile input are made of, and the command of each."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

MAX_MESSAGE = 4500
"""Characters of an error at most."""
MAX_SECONDS = 20.0
"""Of one input: what takes longer hangs, as far as a user can tell."""

TEXTS: tuple[str, ...] = (
    "", " ", "\0", "\n", "\ufeff", "\ud83d", "\U0001f600", "é" * 3, "x" * 100_000, "../..", "NaN", "null", "[]",
    "conv(3)", "softmax(q)", "%s{}$(ls)", "<script>", "-1", "1e999",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 7, 2**31, 2**63, 10**9, 10**18, 10**400, -(10**400), 0.0, -0.0, 0.5, 1e-300, 1e308,
    float("nan"), float("inf"), -float("inf"), True, False,
)  # fmt: skip


def hostile_value(rng: random.Random, depth: int = 0) -> Any:
    """A value of any kind."""
    kind = rng.random()
    if depth > 3 or kind < 0.35:
        return rng.choice(NUMBERS)
    if kind < 0.65:
        return rng.choice(TEXTS)
    if kind < 0.7:
        return None
    if kind < 0.75:
        return nested(rng.choice((3, 70, 500)))
    if kind < 0.9:
        return [hostile_value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 5)))]
    return {rng.choice(("a", "names", *TEXTS)): hostile_value(rng, depth + 1) for _ in range(rng.choice((0, 1, 3)))}


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def mutated(text: str, rng: random.Random) -> str:
    """A text with some of it changed, doubled, left out or in another order."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        a, b = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        change = rng.randrange(6)
        if change == 0:
            text = text[:a] + text[b:]
        elif change == 1:
            text = text[:b] + text[a:b] * rng.choice((1, 3, 50)) + text[b:]
        elif change == 2:
            text = text[:a] + rng.choice(TEXTS) + text[a:]
        elif change == 3:
            text = text[:a] + chr(rng.randrange(256)) + text[a + 1 :]
        elif change == 4:
            text = text[:a] + text[a:b].swapcase() + text[b:]
        else:
            text = text[b:] + text[a:b] + text[:a]
        text = text[:200_000]
    return text


def failure_of(shown: object, attempt: Callable[[], object], foreseen: Sequence[type[Exception]]) -> str | None:
    """Why an attempt is a failure, in words; None if it gave a result, or a short error of a foreseen kind, in time."""
    began = time.monotonic()
    told = repr(shown)[:300] if not isinstance(shown, str) else ascii(shown)[:300]
    try:
        attempt()
    except tuple(foreseen) as error:
        if len(str(error)) > MAX_MESSAGE:
            return f"{told}: an error of {len(str(error)):,} characters, {str(error)[:80]}"
    except Exception as error:
        return f"{told}: {type(error).__name__}: {str(error)[:200]}"
    if (took := time.monotonic() - began) > MAX_SECONDS:
        return f"{told}: {took:.0f} seconds"
    return None


def main(run: Callable[[int, int], list[str]], count: int) -> None:
    """The command of a kind of input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    failures = run(arguments.count, arguments.seed)
    for failure in failures[:50]:
        print(failure)
    print(f"{arguments.count:,} inputs, {len(failures):,} failures")
    sys.exit(bool(failures))
