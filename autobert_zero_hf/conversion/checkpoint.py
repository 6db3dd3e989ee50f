"""A checkpoint of another package as a model of this one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig, AutoBertZeroModel, AutoBertZeroPreTrainedModel
from .families import FAMILIES
from .family import titles
from .heads import HEADS, head_of
from .loading import load, unreadable_refused

_WHY_NOT = {
    "mpnet": ", whose attention adds a table of relative positions that no formula has",
    "deberta": ", whose attention adds products with relative positions that no formula has",
    "deberta-v2": ", whose attention adds products with relative positions that no formula has",
    "albert": ", whose layers share their weights",
    "t5": ", whose attention adds a table of relative positions that no formula has",
}
"""Why models that are asked for are not read."""


def convert_checkpoint(source: str | Path, head: str | None = None, **load_options: Any) -> AutoBertZeroPreTrainedModel:
    """Open a checkpoint of BERT, of another family that is read, or of PyPI's autobert, as a model of this package.

    Args:
        source: a folder or Hub name.
        head: one of [`~autobert_zero_hf.conversion.HEADS`], such as "ForMaskedLM"; the checkpoint's own by default.
            What the checkpoint lacks of it starts anew, which transformers tells in a warning; what it has beyond it is
            left out. "Model" has a pooler where the checkpoint has one. An ELECTRA's discriminator becomes a "Model".
        load_options: those of `from_pretrained`, such as `revision`, `token` or `dtype`, and fields of the
            configuration, such as `num_labels`.

    Returns:
        A model that computes what the checkpoint's own computes, up to rounding; for autobert on texts without padding,
        where its own attention reads the padding.

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
    with unreadable_refused(f"no checkpoint with a config.json is found at {source}", source):
        config, _ = PreTrainedConfig.get_config_dict(source, **load_options)
    family = FAMILIES.get(config.get("model_type", ""))
    if family is None:
        raise AutoBertZeroError(f"{source} {_what(config)}: give a checkpoint of {titles()}")
    architectures = config.get("architectures") or ["none"]
    own = family.head_of(architectures[0])
    if own in family.not_ours:
        own = "Model"
    chosen = own if head is None else head
    if chosen not in family.heads:
        what = f"{source} is of {family.title}, which has no head {head}"
        if head is None:
            what = f"the head of {source} is not known, its architecture being {architectures[0]}"
        raise AutoBertZeroError(f"{what}: name the one that is wanted, of {', '.join(family.heads)}")
    load_options = {**_of_another_head(own, chosen), **load_options}
    with unreadable_refused(f"cannot load the weights of {source} into what its config.json says", source):
        return family.load(source, chosen, config, **load_options)


def open_encoder(source: str, head: str | None = None) -> AutoBertZeroPreTrainedModel:
    """Open a model of this package, or convert a checkpoint of a family that is read.

    Args:
        source: a folder or Hub name.
        head: one of `HEADS`; the model's own by default.

    Raises:
        AutoBertZeroError: if there is no such model, or it is of another kind.
    """
    with unreadable_refused(f"no checkpoint with a config.json is found at {source}", source):
        config, _ = PreTrainedConfig.get_config_dict(source)
    if config.get("model_type") != AutoBertZeroConfig.model_type:
        return convert_checkpoint(source, head)
    own = head_of((config.get("architectures") or ["AutoBertZeroModel"])[0])
    chosen = own if head is None else head
    if chosen not in HEADS:
        raise AutoBertZeroError(f"the head of {source} is not known: give a model with one of {', '.join(HEADS)}")
    with unreadable_refused(f"cannot load the model {source!r}", source):
        model, anew = load(HEADS[chosen], source, **_of_another_head(own, chosen))
    if isinstance(model, AutoBertZeroModel) and any(name.startswith("pooler.") for name in anew):
        model.pooler = None
    return model


def _of_another_head(own: str, chosen: str) -> dict[str, Any]:
    """The options of a head that is not a checkpoint's own: it has labels of its own; of an answer start and end."""
    if chosen == own:
        return {}
    return {"ignore_mismatched_sizes": True, **({"num_labels": 2} if chosen == "ForQuestionAnswering" else {})}


def _what(config: Mapping[str, Any]) -> str:
    """What a checkpoint is that cannot be converted."""
    if not config:
        return "has no config.json"
    if "model_type" not in config:
        return "does not say in its config.json which model_type it has"
    if config["model_type"] == AutoBertZeroConfig.model_type:
        return "is a model of this package already"
    return f"is a {config['model_type']} model{_WHY_NOT.get(config['model_type'], '')}"
