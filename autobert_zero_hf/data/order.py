"""The order in which a training takes its rows, which follows from a seed and the step."""

import torch


def rows_at(step: int, size: int, rows: int, seed: int) -> list[int]:
    """The places of a training step's rows; epochs are permutations of the rows, each with its own seed.

    Args:
        step: the step, from 0.
        size: the rows of a step; they may reach over the end of an epoch.
        rows: how many rows there are.
        seed: of the permutations.
    """
    indices: list[int] = []
    for place in range(step * size, (step + 1) * size):
        epoch, offset = divmod(place, rows)
        if not indices or offset == 0:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            order = torch.randperm(rows, generator=generator).tolist()
        indices.append(order[offset])
    return indices
