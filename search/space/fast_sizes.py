"""The part of a space of sizes that AutoTinyBERT's fast search draws from (Yin et al. 2021, 2021.acl-long.400)."""

import random
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

from .sizes import Sizes, SizesSpace

INTERMEDIATE = (1.6, 1.9)
"""The feed-forward size, as a share of the hidden size."""
WIDTH = (0.7, 1.0)
"""The width of all heads together, as a share of the hidden size."""


@dataclass(frozen=True)
class FastSizes(SizesSpace):
    """Sizes of good proportions: 1.6 h <= feed-forward <= 1.9 h, and 0.7 h <= heads together <= h.

    `smallest` and `largest` are those of the space that it is a part of; they may not belong to it.

    Raises:
        ValueError: if no sizes are like that.
    """

    def __post_init__(self) -> None:
        if not self.count:
            raise ValueError(
                f"no sizes from {self.smallest} to {self.largest} have {INTERMEDIATE[0]:g} to {INTERMEDIATE[1]:g} "
                f"times their hidden size in the feed-forward blocks, and {WIDTH[0]:g} to {WIDTH[1]:g} times in the "
                "heads together: search with another strategy, or in finer steps"
            )

    @classmethod
    def of(cls, space: SizesSpace) -> Self:
        """The part of a space."""
        return cls(**{field.name: getattr(space, field.name) for field in fields(SizesSpace)})

    @cached_property
    def _inner(self) -> dict[int, tuple[list[int], list[tuple[int, int]]]]:
        """For each hidden size: the feed-forward sizes, and the heads with their widths, that go with it."""
        heads = [(number, dim) for number in self.num_attention_heads.values for dim in self.head_dim.values]
        return {
            hidden: (
                [size for size in self.intermediate_size.values if _within(size, hidden, INTERMEDIATE)],
                [(number, dim) for number, dim in heads if _within(number * dim, hidden, WIDTH)],
            )
            for hidden in self.hidden_size.values
        }

    @cached_property
    def _weights(self) -> list[int]:
        """How many sizes of the same depth there are with each hidden size."""
        return [len(feed_forward) * len(heads) for feed_forward, heads in self._inner.values()]

    @property
    def count(self) -> int:
        """How many sizes there are."""
        embeddings = 1 if self.embedding_size is None else len(self.embedding_size.values)
        return embeddings * len(self.num_hidden_layers.values) * sum(self._weights)

    def rejection(self, sizes: Sizes) -> str | None:
        """Why sizes do not belong to the space, in words; None if they do."""
        if (reason := super().rejection(sizes)) is not None:
            return reason
        for name, size, share in (
            ("intermediate_size", sizes.intermediate_size, INTERMEDIATE),
            ("the width of all heads", sizes.width, WIDTH),
        ):
            if not _within(size, sizes.hidden_size, share):
                return f"{name} {size} is not {share[0]:g} to {share[1]:g} times hidden_size {sizes.hidden_size}"
        return None

    def sample(self, rng: random.Random) -> Sizes:
        """All sizes of the space have the same chance; nothing is drawn in vain."""
        (hidden,) = rng.choices(list(self._inner), self._weights)
        feed_forward, heads = self._inner[hidden]
        number, dim = rng.choice(heads)
        depth, inner = rng.choice(self.num_hidden_layers.values), rng.choice(feed_forward)
        embeddings = None if self.embedding_size is None else rng.choice(self.embedding_size.values)
        return Sizes(depth, hidden, inner, number, dim, embeddings)


def _within(size: int, hidden: int, share: tuple[float, float]) -> bool:
    # In tenths, which are whole numbers: 0.7 * 10 is not 7.
    return round(10 * share[0]) * hidden <= 10 * size <= round(10 * share[1]) * hidden
