"""Rungs: longer looks at ever fewer of the best candidates.

This is successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autobert_zero_hf.model.excerpts import excerpt

from ..proxies.table import PROXIES

_LINE = re.compile(r"\s*(\d{1,7})\s+(\S.*?)\s+(\d{1,9})(?:\s+(\d{1,9}))?\s*", re.ASCII)


@dataclass(frozen=True)
class Rung:
    """A longer look at some candidates.

    Args:
        candidates: how many, the best of the search, or of the rung before.
        proxy: the name of what scores them.
        steps: of training on masked words before that, on the weights of the super-net.
        proxy_steps: of the proxy's own training; None for what its options say, or where it has none.
    """

    candidates: int
    proxy: str
    steps: int
    proxy_steps: int | None = None

    @classmethod
    def of(cls, line: str) -> "Rung":
        """The rung that a line such as `8 tasks 800 50` says; whether there is such a proxy is not looked at.

        Raises:
            ValueError: if it says none; the reason is told.
        """
        if (found := _LINE.fullmatch(line)) is None:
            raise ValueError("a rung is candidates, a proxy and training steps, such as '16 accuracy 400'")
        candidates, proxy, steps, own = found.groups()
        if int(candidates) < 1:
            raise ValueError("at least one candidate is needed")
        return cls(int(candidates), proxy, int(steps), None if own is None else int(own))

    def __str__(self) -> str:
        own = "" if self.proxy_steps is None else f" {self.proxy_steps}"
        return f"{self.candidates} {self.proxy} {self.steps}{own}"


def readable(lines: Sequence[str]) -> Iterator[Rung]:
    """The rungs among lines, without those that are none."""
    for line in lines:
        try:
            yield Rung.of(line)
        except ValueError:
            continue


def problems(lines: Sequence[str], candidates: int) -> Iterator[str]:
    """What is wrong with rungs, in words.

    Args:
        lines: a rung each.
        candidates: those of the search.
    """
    before, of_before = candidates + 1, f"the search looks at {candidates}"
    for line in lines:
        try:
            rung = Rung.of(line)
        except ValueError as error:
            yield f"rungs, {excerpt(line)}: {error}"
            continue
        kind = PROXIES.get(rung.proxy)
        if kind is None:
            yield f"rungs, {excerpt(line)}: {excerpt(rung.proxy)} is no proxy, but {', '.join(PROXIES)} are"
        elif rung.proxy_steps is not None and kind.steps is None:
            yield (
                f"rungs, {excerpt(line)}: the proxy {rung.proxy} trains nothing itself, so that it has no steps of its "
                f"own: leave {rung.proxy_steps} out"
            )
        if rung.candidates >= before:
            yield f"rungs, {excerpt(line)}: {rung.candidates} candidates, and {of_before}: a rung has fewer"
        before, of_before = rung.candidates, f"the rung before has {rung.candidates}"
