"""A checkpoint of another package as a model of this one."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedConfig

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel
from .bert import load_bert
from .heads import HEADS, head_of
from .loading import explain_missing, missing_folder
from .pypi_autobert import load_autobert

UNREADABLE = (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError)
"""What is raised for files that are missing or damaged, or do not belong together."""


def convert_checkpoint(source: str | Path, head: str | None = None, **load_options: Any) -> AutoBertZeroPreTrainedModel:
    """Open a checkpoint of BERT, or of the package autobert of PyPI, as a model of this package.

    Args:
        source: a folder or Hub name.
        head: one of [`~autobert_zero_hf.conversion.HEADS`], such as "ForMaskedLM"; the checkpoint's own by default.
            What the checkpoint lacks of it starts anew, which transformers tells in a warning; what it has beyond it is
            left out. "Model" has a pooler where the checkpoint has one.
        load_options: those of `from_pretrained`, such as `revision`, `token` or `dtype`, and fields of the
            configuration, such as `num_labels`.

    Returns:
        A model that computes what the checkpoint's own computes: for BERT up to rounding, for autobert on texts without
        padding, where its own attention reads the padding.

    Raises:
        AutoBertZeroError: if there is no such checkpoint, or it is of another kind.

    Examples:

    ```python
    >>> from autobert_zero_hf.conversion import convert_checkpoint

    >>> model = convert_checkpoint("google-bert/bert-base-uncased")  # doctest: +SKIP
    >>> classifier = convert_checkpoint(
    ...     "google-bert/bert-base-uncased", "ForSequenceClassification", num_labels=5
    ... )  # doctest: +SKIP

    ```"""
    source = str(source)
    if head not in (None, *HEADS):
        raise AutoBertZeroError(f"unknown head {head!r}: known are {', '.join(HEADS)}")
    missing = f"no checkpoint with a config.json is found at {source}"
    if told := missing_folder(source):
        raise AutoBertZeroError(f"{missing}: {told}")
    try:
        config, _ = PreTrainedConfig.get_config_dict(source, **load_options)
    except Exception as error:  # whatever the libraries make of somebody's config.json
        raise AutoBertZeroError(f"{missing}: {explain_missing(source, error)}") from error
    if (model_type := config.get("model_type")) not in ("bert", "autobert"):
        raise AutoBertZeroError(f"{source} {_what(config)}: give a checkpoint of BERT, or of PyPI's autobert")
    architectures = config.get("architectures") or ["none"]
    own = head_of(architectures[0])
    chosen = own if head is None else head
    if chosen not in HEADS:
        raise AutoBertZeroError(
            f"the head of {source} is not known, its architecture being {architectures[0]}: name the one that is "
            f"wanted, of {', '.join(HEADS)}"
        )
    if chosen != own:
        # The new head has labels of its own; of an answer it marks the start and the end.
        load_options.setdefault("ignore_mismatched_sizes", True)
        if chosen == "ForQuestionAnswering":
            load_options.setdefault("num_labels", 2)
    try:
        if model_type == "bert":
            return load_bert(source, chosen, **load_options)
        return load_autobert(source, chosen, config, **load_options)
    except UNREADABLE as error:
        raise AutoBertZeroError(
            f"cannot load the weights of {source} into what its config.json says: {error}"
        ) from error


def _what(config: Mapping[str, Any]) -> str:
    """What a checkpoint is that cannot be converted."""
    if not config:
        return "has no config.json"
    if "model_type" not in config:
        return "does not say in its config.json which model_type it has"
    if config["model_type"] == AutoBertZeroConfig.model_type:
        return "is a model of this package already"
    return f"is a {config['model_type']} model"
