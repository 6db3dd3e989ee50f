"""The texts of a batch without their padding: their real tokens side by side, one text after another.

What computes each token by itself (embeddings, norms, linear layers) runs on these alone. What sees several tokens
runs on buckets of texts of about the same length, which have little padding or none.

Shapes: B texts, N tokens of a padded row, T real tokens of all texts; n texts of a bucket, L tokens of its longest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

OF_FLATTENED = ("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx")
"""Arguments of a forward pass that tell of texts side by side in one row, as transformers names them."""
LEAST = 32
"""Tokens of padding below which nothing is gained."""
SHARE = 0.1
"""The same as a share of all tokens."""
SLACK = 0.15
"""The share of the tokens of a bucket that may be padding."""
SPARE = 32
"""Tokens of padding that a bucket may have in any case: what they take is less than a further bucket would."""
MOST = 4096
"""Places of a bucket of several texts, at most: what a bucket needs besides is needed for one at a time."""


@dataclass
class Bucket:
    """Neighbouring texts of about the same length.

    Args:
        first: where its tokens begin.
        lengths: of its texts, the longest first.
        real: the places of its real tokens among n * L; None where all are real.
        sources: the token of the bucket that each of n * L places shows, any where none is; None where all are real.
        mask: bool, (n, L), true where a token is real; None where all are.
        kernel_mask: the same in the form that an attention implementation takes.
    """

    first: int
    lengths: Sequence[int]
    real: Tensor | None
    sources: Tensor | None
    mask: Tensor | None
    kernel_mask: Any = None

    @property
    def shape(self) -> tuple[int, int]:
        """(n, L)."""
        return len(self.lengths), self.lengths[0]

    def padded(self, x: Tensor) -> Tensor:
        """What belongs to its tokens, of that of all: (1, T, ...) -> (n, L, ...), any of them where no token is."""
        own = x[0, self.first : self.first + sum(self.lengths)]
        return (own if self.sources is None else own.index_select(0, self.sources)).unflatten(0, self.shape)

    def tokens(self, x: Tensor) -> Tensor:
        """What belongs to its real tokens: (n, L, ...) -> (tokens, ...)."""
        flat = x.flatten(0, 1)
        return flat if self.real is None else flat.index_select(0, self.real)


@dataclass
class Texts:
    """Where the texts of a batch stand.

    Args:
        lengths: of the texts; none is empty.
        places: (T,), the place of each of their tokens among B * N.
        shape: (B, N).
        flattened: whether they lie side by side in one row, so that each has positions of its own.
        buckets: of neighbouring texts.
    """

    lengths: Sequence[int]
    places: Tensor
    shape: tuple[int, int]
    flattened: bool = False
    buckets: list[Bucket] = field(init=False)

    def __post_init__(self) -> None:
        self.buckets, first = [], 0
        for lengths in _cut(self.lengths):
            mask = real = sources = None
            if lengths[-1] < lengths[0]:
                mask = torch.arange(lengths[0]) < torch.tensor(lengths)[:, None]
                real = mask.flatten().nonzero()[:, 0]
                sources = torch.zeros(mask.numel(), dtype=torch.long).index_copy_(0, real, torch.arange(len(real)))
                mask, real, sources = (each.to(self.places.device) for each in (mask, real, sources))
            self.buckets.append(Bucket(first, lengths, real, sources, mask))
            first += sum(lengths)

    @classmethod
    def of_rows(cls, starts: Sequence[int], lengths: Sequence[int], shape: tuple[int, int], device: Any) -> "Texts":
        """One text at most in a row.

        Args:
            starts: for each row, the place of its first real token; it does not count where there is none.
            lengths: of the texts, 0 for a row without.
            shape: (B, N).
            device: where the texts are.
        """
        order = sorted((row for row in range(len(lengths)) if lengths[row]), key=lambda row: -lengths[row])
        sizes = torch.tensor([lengths[row] for row in order])
        begins = torch.tensor([row * shape[1] + starts[row] for row in order])
        return cls(sizes.tolist(), _runs(begins, sizes).to(device), shape)

    @classmethod
    def of_lengths(cls, lengths: Sequence[int], in_order: bool, device: Any) -> "Texts":
        """Texts that lie side by side already, in one row.

        Args:
            lengths: of the texts, one after another.
            in_order: whether they stay in this order; else the longest come first, in fewer buckets.
            device: where the texts are.
        """
        sizes = torch.tensor([length for length in lengths if length])
        begins = sizes.cumsum(0) - sizes
        if not in_order:
            order = sizes.argsort(descending=True, stable=True)
            sizes, begins = sizes[order], begins[order]
        return cls(sizes.tolist(), _runs(begins, sizes).to(device), (1, int(sizes.sum())), flattened=True)

    @property
    def longest(self) -> int:
        """The tokens of a row, or of the longest text of those that share one."""
        return max(self.lengths) if self.flattened else self.shape[1]

    def positions(self) -> Tensor:
        """The position of each token, where none are given: (1, N)."""
        device = self.places.device
        if not self.flattened:
            return torch.arange(self.shape[1], device=device)[None]
        sizes = torch.tensor(self.lengths)
        packed = _runs(torch.zeros_like(sizes), sizes).to(device)[None, :, None]
        return self.unpack(packed)[..., 0]

    def pack(self, x: Tensor) -> Tensor:
        """The real tokens alone: (B, N, ...) -> (1, T, ...)."""
        return x.flatten(0, 1).index_select(0, self.places)[None]

    def unpack(self, x: Tensor) -> Tensor:
        """Every token in its place: (1, T, ...) -> (B, N, ...).

        Where none is, a copy of the first one stands, from which nothing is learnt. Noughts would be a trap: the norm
        of a head multiplies what it learns from them by a million, and labels on padding are a common mistake.
        """
        batch, tokens = self.shape
        filled = x[0, :1].detach().repeat(batch * tokens, *[1] * (x.dim() - 2))
        return filled.index_copy_(0, self.places, x[0]).unflatten(0, self.shape)

    def each(self, compute: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """What is computed bucket by bucket.

        Args:
            compute: of a bucket, and of what belongs to its tokens of each tensor, (n, L, ...): (n, L, ...).
            tensors: (1, T, ...).

        Returns:
            (1, T, ...).
        """
        parts = [
            bucket.tokens(compute(bucket, *(bucket.padded(tensor) for tensor in tensors))) for bucket in self.buckets
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[None]


def is_traced() -> bool:
    """Whether what is computed becomes a program, which is one for any batch."""
    return torch.compiler.is_compiling() or torch.compiler.is_exporting() or torch.jit.is_tracing()


def flattened(position_ids: Tensor | None, said: Mapping[str, Any], shape: tuple[int, int]) -> list[int] | None:
    """The lengths of texts that were put side by side into one row; None where nothing says that they were.

    Args:
        position_ids: those that were given; a text begins where they begin anew.
        said: what says where texts begin, of the forward pass's arguments: `cu_seq_lens_q` and `cu_seq_lens_k`, as
            attention kernels take them, or `seq_idx`, the number of each token's text.
        shape: (B, N), of the tokens.

    Raises:
        ValueError: if these contradict one another, or the tokens.
    """
    batch, tokens = shape
    found: dict[str, list[int]] = {}
    for name in ("cu_seq_lens_q", "cu_seq_lens_k"):
        if (ends := said.get(name)) is not None:
            found[name] = ends.flatten().diff().tolist()
    if (numbers := said.get("seq_idx")) is not None:
        found["seq_idx"] = numbers.flatten().unique_consecutive(return_counts=True)[1].tolist()
    if not found:
        if position_ids is None or batch != 1 or position_ids.shape != shape or is_traced():
            return None
        begins = (position_ids[0] == 0).nonzero()[:, 0]
        steps = position_ids[0].diff()
        # Other positions than those of texts side by side say nothing of texts.
        if len(begins) < 2 or int(begins[0]) or not bool((steps[position_ids[0, 1:] != 0] == 1).all()):
            return None
        return begins.diff(append=begins.new_tensor([tokens])).tolist()
    first = next(iter(found.values()))
    for name, lengths in found.items():
        if min(lengths, default=0) < 0:
            raise ValueError(f"{name} falls somewhere: give where texts end, from 0 up to {tokens}")
        if batch != 1 or sum(lengths) != tokens:
            raise ValueError(
                f"{name} tells of {len(lengths)} texts with {sum(lengths)} tokens in all, side by side in one row, and "
                f"the input has the shape {shape}: give (1, {sum(lengths)})"
            )
        if lengths != first:
            raise ValueError(
                f"{name} and {next(iter(found))} tell of texts of other lengths, that begin with {lengths[:5]} and "
                f"{first[:5]}: give one of them"
            )
    return first


def pairs_in(said: Mapping[str, Any], shape: tuple[int, int]) -> tuple[Tensor, Tensor] | None:
    """Texts side by side in a row as a program has them, which is one for any texts: who sees whom is a mask.

    Args:
        said: as in `flattened`, whose other checks need the numbers themselves and are not made.
        shape: (B, N), of the tokens.

    Returns:
        The mask of pairs, bool, (1, 1, N, N), and the position of each token, (1, N); None where nothing is said.

    Raises:
        ValueError: if there is more than one row.
    """
    told = [said[name] for name in ("seq_idx", "cu_seq_lens_q", "cu_seq_lens_k") if said.get(name) is not None]
    if not told:
        return None
    if shape[0] != 1:
        raise ValueError(f"texts side by side lie in one row, and the input has the shape {shape}: give (1, tokens)")
    numbers = told[0].flatten()
    places = torch.arange(shape[1], device=numbers.device)
    if said.get("seq_idx") is None:  # where texts end, from 0 on
        numbers = torch.searchsorted(numbers[1:].contiguous(), places, right=True)
    begins = torch.cat([places[:1] == 0, numbers.diff() != 0])
    texts = begins.cumsum(0)
    return (texts[:, None] == texts)[None, None], (places - torch.where(begins, places, 0).cummax(0).values)[None]


def without_padding(mask: Tensor) -> Texts | None:
    """The texts of a batch, where it pays to leave the padding out; else None.

    It does not where a text has a hole, since what is on either side of it would become neighbours.

    Args:
        mask: bool, (B, N), true where a token is real; on a CPU.
    """
    batch, tokens = mask.shape
    lengths = mask.sum(1)
    real = int(lengths.sum())
    if not real or batch * tokens - real < max(LEAST, SHARE * batch * tokens):
        return None
    begins = (mask[:, 1:] & ~mask[:, :-1]).sum(1) + mask[:, 0]
    if int(begins.max()) > 1:
        return None
    return Texts.of_rows(mask.int().argmax(1).tolist(), lengths.tolist(), (batch, tokens), mask.device)


def _runs(begins: Tensor, sizes: Tensor) -> Tensor:
    """Numbers that follow one another, from each of some on: (R,), (R,) -> (sum of the sizes,)."""
    before = sizes.cumsum(0) - sizes
    return torch.arange(int(sizes.sum())) + (begins - before).repeat_interleave(sizes)


def _cut(lengths: Sequence[int]) -> list[list[int]]:
    """Buckets of neighbouring lengths, in each of which they fall.

    >>> _cut([900, 890, 880, 130, 120, 10, 11])
    [[900, 890, 880], [130, 120], [10], [11]]
    """
    cut: list[list[int]] = []
    for length in lengths:
        if cut:
            last = cut[-1]
            places = (len(last) + 1) * last[0]
            padding = places - sum(last) - length
            if length <= last[0] and places <= MOST and padding <= max(SLACK * places, SPARE):
                last.append(length)
                continue
        cut.append([length])
    return cut
