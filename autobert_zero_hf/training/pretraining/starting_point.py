"""What a pre-training starts from: nothing, a model of this package, or an encoder that is read."""

from collections.abc import Callable, Mapping
from typing import Any

from transformers import AutoConfig

from autobert_zero_hf.conversion import FAMILIES, HEADS, convert_checkpoint
from autobert_zero_hf.conversion.family import titles
from autobert_zero_hf.conversion.loading import load, unreadable_refused
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import (
    ARCHITECTURES,
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroPreTrainedModel,
    architecture,
)

from ..shared_options import SizeOptions
from .options import DEFAULT_ARCHITECTURE, StartOptions
from .stretching import Stretch


def make_student(
    start: StartOptions,
    sizes: Mapping[str, Any],
    head: str,
    length: int,
    words: Callable[[], dict[str, Any]],
    seed: int,
) -> AutoBertZeroPreTrainedModel:
    """The model to train.

    Args:
        start: what it starts from.
        sizes: those of `SizeOptions` that were given.
        head: "ForMaskedLM" or "ForPreTraining".
        length: tokens of a row, which the model must have positions for.
        words: the size of the vocabulary and its special tokens, as a configuration has them; asked for where the model
            is a new one.
        seed: of what tells copies of weights apart, where the model is stretched.

    Raises:
        AutoBertZeroError: if there is no such model, or it does not fit.
    """
    dropout = {f"{name}_dropout_prob": sizes["dropout"] for name in ("hidden", "attention_probs") if "dropout" in sizes}
    if start.stretch_to and start.model:
        small = _load(start.model, head, dropout)
        assert isinstance(small, AutoBertZeroForMaskedLM)  # other heads are refused
        student: AutoBertZeroPreTrainedModel = Stretch.read(start.stretch_to).model(small, seed)
    elif start.stretch_to:
        config = Stretch.read(start.stretch_to).config(_own_config(str(start.architecture)))
        config = AutoBertZeroConfig.from_dict(
            {**config.to_dict(), **words(), **dropout, "max_position_embeddings": length}
        )
        student = HEADS[head](config)
    elif start.model:
        student = _load(start.model, head, dropout)
    else:
        _new_config(start, sizes, length, {"vocab_size": 1})  # what is wrong with it is said before the text is read
        student = HEADS[head](_new_config(start, sizes, length, words()))
    if head == "ForPreTraining" and student.config.type_vocab_size < 2:
        raise AutoBertZeroError(
            f"--next-sentence tells the texts of a pair by two token types, and the model has "
            f"{student.config.type_vocab_size}: leave it out"
        )
    if (longest := student.config.max_position_embeddings) < length:
        raise AutoBertZeroError(f"--sequence-length {length}: the model takes {longest} tokens at most")
    return student


def _new_config(
    start: StartOptions, sizes: Mapping[str, Any], length: int, words: Mapping[str, Any]
) -> AutoBertZeroConfig:
    """That of a model from scratch."""
    known = SizeOptions(**sizes)
    return _checked(lambda: known.make_config(_layers(start, known.num_layers), length, words))


def _checked(make: Callable[[], AutoBertZeroConfig]) -> AutoBertZeroConfig:
    try:
        return make()
    except ValueError as error:
        raise AutoBertZeroError(str(error)) from error


def _load(source: str, head: str, fields: Mapping[str, Any]) -> AutoBertZeroPreTrainedModel:
    model_type = read_config(source).model_type
    if (family := FAMILIES.get(model_type)) is not None:
        if head not in family.heads:
            raise AutoBertZeroError(f"--next-sentence: {source} is of {family.title}, which has no head for it")
        converted = convert_checkpoint(source, head)
        student = HEADS[head](AutoBertZeroConfig.from_dict({**converted.config.to_dict(), **fields}))
        student.load_state_dict(converted.state_dict())
        return student
    if model_type != AutoBertZeroConfig.model_type:
        raise AutoBertZeroError(
            f"--model {source} is a {model_type} model: give one of {titles(with_classes=True)}, or of this package"
        )
    with unreadable_refused(f"cannot load the model {source!r}", source):
        return load(HEADS[head], source, **fields)[0]


def read_config(source: str) -> Any:
    """The configuration of a model's folder or Hub name.

    Raises:
        AutoBertZeroError: if there is none.
    """
    with unreadable_refused(f"no model is found at {source!r}", source):
        return AutoConfig.from_pretrained(source)


def _layers(start: StartOptions, num_layers: int) -> list[str]:
    """The lines of the backbone."""
    if start.layers:
        return start.layers
    name = start.architecture or DEFAULT_ARCHITECTURE
    if name in ARCHITECTURES:
        return architecture(name, num_layers)
    return _own_config(name).layers


def _own_config(name: str) -> AutoBertZeroConfig:
    config = read_config(name)
    if not isinstance(config, AutoBertZeroConfig):
        raise AutoBertZeroError(
            f"--architecture {name} is a {config.model_type} model: give one of {', '.join(ARCHITECTURES)}, or a model "
            "of this package"
        )
    return config
