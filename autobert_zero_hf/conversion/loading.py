"""Opening checkpoints."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub.errors import StrictDataclassError
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig
from ..model.excerpts import shortened

ModelT = TypeVar("ModelT", bound=PreTrainedModel)


def check_source(source: str) -> None:
    """See that a model's folder is there, where a folder is meant and no name of the Hub, which is asked for all else.

    Raises:
        AutoBertZeroError: if it is not; at once, and without a word of the Hub.
    """
    if told := missing_folder(source):
        raise AutoBertZeroError(f"no model is found at {shortened(source, 300)}: {told}")


def missing_folder(source: str) -> str:
    """What to say of a folder that is meant and not there; empty where it is, or may be a name of the Hub."""
    place = Path(source)
    meant = source.startswith((".", "~", os.sep)) or source.endswith(os.sep) or source.count(os.sep) > 1
    if os.path.lexists(place) or not (meant or (os.sep in source and place.parent.is_dir())):
        return ""
    there = [each.name for each in sorted(place.parent.glob("*")) if each.is_dir()] if place.parent.is_dir() else []
    hint = f"; {place.parent} holds {shortened(', '.join(there), 200)}" if there else ""
    return f"there is no such folder{hint}"


def explain_missing(source: str, error: Exception) -> str:
    """Why a model could not be had from a folder or a name of the Hub."""
    # Where a line of the configuration is wrong, a caret shows the place: such a message keeps its lines.
    said = str(error) if isinstance(error, ValueError) else " ".join(str(error).split())
    said = shortened(said, 2000)
    if not isinstance(error, OSError | ValueError | StrictDataclassError):
        said = f"{type(error).__name__}: {said}"
    return said if Path(source).exists() else f"there is no such folder here, and of the Hub this is said: {said}"


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
