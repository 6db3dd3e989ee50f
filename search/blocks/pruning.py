"""Which inputs of a linear layer it can best do without, and what its other weights are to be then.

Inputs are taken out group by group, a group being a neuron of a feed-forward block or a head of an attention. Each time
that group goes whose loss changes the output least when all remaining weights make up for it as well as they can: the
optimal brain surgeon (Hassibi and Stork, 1992), for groups of columns as in ZipLM (Kurtic et al., 2023, arXiv
2302.04089, section 3.1). What remains is the least-squares solution on the inputs that are left.

Shapes: O outputs, D inputs, K inputs that are kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .moments import Moments

RIDGE = 1e-4
"""Times the mean variance of an input, added to all: inputs that hardly vary must not be given huge weights."""
_AT_ONCE = 100
"""One part in so many of the groups that are left is taken out before the losses are looked at again."""


@dataclass(frozen=True)
class Pruned:
    """A linear layer with fewer inputs.

    Args:
        columns: (K,), those that are kept, in their order.
        weight: (O, K).
        bias: (O,); None where the layer has none.
    """

    columns: Tensor
    weight: Tensor
    bias: Tensor | None


def prune(
    weight: Tensor, bias: Tensor | None, moments: Moments, group: int, wanted: Iterable[int]
) -> dict[int, Pruned]:
    """A linear layer with fewer and fewer inputs.

    Args:
        weight: (O, D).
        bias: (O,); None where the layer has none.
        moments: of its inputs.
        group: how many neighbouring inputs go together; D is a multiple of it.
        wanted: how many groups to keep, some numbers from 1 to D / group.

    Returns:
        For each of these numbers the layer with so many groups, in the type of `weight`.
    """
    # Without a bias nothing makes up for a mean.
    mean = torch.zeros_like(moments.mean) if bias is None else moments.mean
    covariance = moments.second if bias is None else moments.covariance
    covariance = covariance + RIDGE * covariance.diagonal().mean().clamp_min(1e-30) * torch.eye(len(mean)).double()
    inverse = torch.linalg.inv(covariance)
    whole = weight.double()
    current, columns = whole, torch.arange(len(mean))
    found = {}
    for count in sorted(set(wanted), reverse=True):
        while (left := len(columns) // group) > count:
            losses = _losses(current, inverse, group)
            some = min(left - count, max(1, left // _AT_ONCE))
            gone = losses.topk(some, largest=False).indices
            places = (gone[:, None] * group + torch.arange(group)).flatten()
            kept = torch.ones(len(columns), dtype=torch.bool)
            kept[places] = False
            share = torch.linalg.solve(inverse[places][:, places], inverse[places][:, kept])  # (gone, kept)
            current = current[:, kept] - current[:, places] @ share
            inverse = inverse[kept][:, kept] - inverse[kept][:, places] @ share
            columns = columns[kept]
        constant = None
        if bias is not None:  # what the inputs that are gone gave on average goes on in it
            constant = (bias.double() + whole @ mean - current @ mean[columns]).to(bias.dtype)
        found[count] = Pruned(columns, current.to(weight.dtype), constant)
    return found


def _losses(weight: Tensor, inverse: Tensor, group: int) -> Tensor:
    """For each group, the mean squared change of the output without it, summed over outputs."""
    if group == 1:
        return weight.square().sum(0) / inverse.diagonal()
    count = len(inverse) // group
    own = inverse.view(count, group, count, group).diagonal(dim1=0, dim2=2).permute(2, 0, 1)  # (groups, group, group)
    parts = weight.view(len(weight), count, group).permute(1, 2, 0)  # (groups, group, O)
    return (parts * torch.linalg.solve(own, parts)).sum((1, 2))
