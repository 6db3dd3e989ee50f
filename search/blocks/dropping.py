"""The simplest way to a faster encoder: whole layers left out (Sajjad et al., 2020, arXiv 2004.03844).

Which ones is all that there is to choose: of all ways, or of many where there are too many, some are looked at.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb

_MOST = 24
"""Ways that are looked at."""
_ALL = 5_000
"""Ways up to which all are counted."""


def ways_to_drop(prices: Sequence[float], allowed: float, seed: str) -> list[tuple[int, ...]]:
    """The layers that are kept, from 0, where as few as possible are left out; several ways, evenly drawn.

    Args:
        prices: of the layers, in milliseconds.
        allowed: what those that are kept may come to.
        seed: of the draws.

    >>> ways_to_drop([1.0, 1.0, 1.0], 2.5, "")
    [(0, 1), (0, 2), (1, 2)]
    """
    rng = random.Random(seed)
    for count in range(len(prices) - 1, 0, -1):
        ways = [way for way in _ways(len(prices), count, rng) if sum(prices[layer] for layer in way) <= allowed]
        if ways:
            return ways if len(ways) <= _MOST else rng.sample(ways, _MOST)
    return []


def _ways(layers: int, count: int, rng: random.Random) -> Iterator[tuple[int, ...]]:
    if comb(layers, count) <= _ALL:
        yield from combinations(range(layers), count)
    else:
        yield from sorted({tuple(sorted(rng.sample(range(layers), count))) for _ in range(_ALL)})
