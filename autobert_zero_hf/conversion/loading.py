"""Opening checkpoints."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor
from transformers import PreTrainedModel

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig

ModelT = TypeVar("ModelT", bound=PreTrainedModel)


def shared_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration of another model says that ours says by the same name."""
    names = {field.name for field in dataclasses.fields(AutoBertZeroConfig)} - {"architectures"}
    return {name: value for name, value in config.items() if name in names}


def load(
    model_class: type[ModelT], source: str, weights: Mapping[str, Tensor] | None = None, **load_options: Any
) -> tuple[ModelT, set[str]]:
    """Open a checkpoint, whose head may start anew, but never a part of its backbone.

    Args:
        model_class: a head of BERT, or one of ours.
        source: where the checkpoint is.
        weights: what was read there, where it is not for `model_class` to read it.
        load_options: those of `from_pretrained`.

    Returns:
        The model, and the names of the weights that started anew.

    Raises:
        AutoBertZeroError: if one of them is a weight of the embeddings or of a layer.
    """
    place = source if weights is None else None
    loaded: Any = model_class.from_pretrained(place, state_dict=weights, output_loading_info=True, **load_options)
    model, info = loaded
    anew = info["missing_keys"] | {name for name, *_ in info["mismatched_keys"]}
    # In the words of BERT, or in ours.
    gaps = sorted(name for name in anew if {"embeddings", "encoder", "layers"} & set(name.split(".")))
    if gaps:
        raise AutoBertZeroError(
            f"{source} lacks {len(gaps)} weights of its backbone, or has them in another size, {gaps[0]} for one: "
            "give a checkpoint that is whole, and whose config.json belongs to it"
        )
    return model, anew
