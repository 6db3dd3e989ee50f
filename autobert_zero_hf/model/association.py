"""In which order to multiply a chain of matrices: the one that costs the fewest multiplications.

The textbook's dynamic programme (Cormen et al., Introduction to Algorithms, "matrix-chain multiplication"), with one
addition: the weights of an attention are never multiplied by themselves, but fused with a value.
"""

from collections.abc import Mapping, Sequence

Order = int | tuple["Order", "Order"]
"""A factor, or the product of two orders."""


def first_factor(order: Order) -> int:
    """The leftmost factor of a product."""
    return order if isinstance(order, int) else first_factor(order[0])


class Chain:
    """A chain of matrices whose sizes are known: factor i is sizes[i] x sizes[i + 1].

    Args:
        sizes: one more than there are factors.
        values: for each factor that is the weights of an attention, the boundaries at which the value that it is fused
            with may end, to its right, or start, to its left.
    """

    def __init__(self, sizes: Sequence[int], values: Mapping[int, Sequence[int]]):
        self.sizes = sizes
        self.values = values
        # (first, last) -> (cost, order) of the product of factors first ... last
        self._best: dict[tuple[int, int], tuple[int, Order] | None] = {}

    def best(self, first: int, last: int) -> tuple[int, Order] | None:
        """The multiplications and the order of factors first ... last, both included; None if there is no way."""
        if (first, last) not in self._best:
            self._best[first, last] = (0, first) if first == last else self._cheapest(first, last)
        return self._best[first, last]

    def _cheapest(self, first: int, last: int) -> tuple[int, Order] | None:
        best: tuple[int, Order] | None = None
        for middle in range(first, last):
            left, right = self.best(first, middle), self.best(middle + 1, last)
            if left is None or right is None or not self._allowed(first, middle, last):
                continue
            cost = left[0] + right[0] + self.sizes[first] * self.sizes[middle + 1] * self.sizes[last + 1]
            if best is None or cost < best[0]:
                best = cost, (left[1], right[1])
        return best

    def _allowed(self, first: int, middle: int, last: int) -> bool:
        """Whether (first ... middle) times (middle + 1 ... last) is a product, or weights fused with their value."""
        left_ends = self.values.get(first) if first == middle else None
        right_starts = self.values.get(last) if middle + 1 == last else None
        if left_ends is None and right_starts is None:
            return True
        return last + 1 in (left_ends or ()) or first in (right_starts or ())
