"""Weights under new names."""

from collections.abc import Mapping, Sequence

from torch import Tensor

PREDICTIONS = (
    ("cls.predictions.transform.dense", "head.dense"),
    ("cls.predictions.transform.LayerNorm", "head.norm"),
    ("cls.predictions.decoder", "decoder"),
    ("cls.seq_relationship", "seq_relationship"),
)
"""The rules for BERT's heads of pre-training."""


def rename(weights: Mapping[str, Tensor], rules: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """Gives the weights of a checkpoint other names.

    BERT knows the bias of its decoder under two names, of which a file may hold one; they become one. Where both are
    there, it is the one inside the decoder that BERT computes with.

    Args:
        weights: by name.
        rules: pairs of a part of a name and what replaces it; each is applied to what the rules before it made.
    """
    weights = dict(weights)
    bias = weights.pop("cls.predictions.bias", None)
    if bias is not None:
        weights.setdefault("cls.predictions.decoder.bias", bias)
    renamed = {}
    for name, weight in weights.items():
        for old, new in rules:
            name = name.replace(old, new)
        renamed[name] = weight
    return renamed
