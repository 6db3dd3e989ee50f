"""Weights under new names."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

PREDICTIONS = (
    ("cls.predictions.transform.dense", "head.dense"),
    ("cls.predictions.transform.LayerNorm", "head.norm"),
    ("cls.predictions.decoder", "decoder"),
    ("cls.seq_relationship", "seq_relationship"),
)
"""The rules for BERT's heads of pre-training."""
OF_BERT = MappingProxyType({"cls.predictions.bias": "cls.predictions.decoder.bias"})
"""The two names of the bias of its decoder, of which a file may hold one."""


def rename(
    weights: Mapping[str, Tensor], rules: Sequence[tuple[str, str]], aliases: Mapping[str, str] = OF_BERT
) -> dict[str, Tensor]:
    """Gives the weights of a checkpoint other names.

    Args:
        weights: by name.
        rules: pairs of a part of a name and what replaces it; each is applied to what the rules before it made.
        aliases: names that stand for other ones, such as those of the bias of BERT's decoder. They become one; where
            both are there, it is the other that the model computes with.
    """
    weights = dict(weights)
    for alias, name in aliases.items():
        if (weight := weights.pop(alias, None)) is not None:
            weights.setdefault(name, weight)
    renamed = {}
    for name, weight in weights.items():
        for old, new in rules:
            name = name.replace(old, new)
        renamed[name] = weight
    return renamed
