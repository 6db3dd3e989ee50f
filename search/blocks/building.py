"""A model of chosen parts, with the head, the embeddings and the pooler of the encoder that it is made of."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from transformers.initialization import no_init_weights

from autobert_zero_hf.model import AutoBertZeroModel, AutoBertZeroPreTrainedModel

from .library import Library
from .parts import WHOLE, Choice, Part, joined, with_layers

ModelT = TypeVar("ModelT", bound=AutoBertZeroPreTrainedModel)


def build(source: ModelT, library: Library, choices: Sequence[Choice]) -> ModelT:
    """A model of its own; its weights are copies.

    Args:
        source: the encoder, with its head.
        library: of its layers' parts.
        choices: for each layer of the encoder what it becomes; nothing, where no line is left.
    """
    lines = [line for line in map(joined, choices) if line]
    pooler = {"add_pooling_layer": source.pooler is not None} if isinstance(source, AutoBertZeroModel) else {}
    config = with_layers(source.config, lines)
    if not (config.has_first_norm or joined(choices[0])):
        config.first_norm = True  # as the layer has it that comes first now
    with torch.device("meta"), no_init_weights():
        model = type(source)(config, **pooler)
    prefix = "" if isinstance(source, AutoBertZeroModel) else f"{source.base_model_prefix}."
    weights = {
        name: weight.detach().clone()
        for name, weight in source.state_dict().items()
        if not name.startswith(f"{prefix}layers.")
    }
    number = 0
    for choice in choices:
        if joined(choice):
            own = library.layer(choice).state_dict()
            weights |= {f"{prefix}layers.{number}.{name}": weight for name, weight in own.items()}
            number += 1
    model.load_state_dict(weights, assign=True)
    model.tie_weights()
    return model.eval()


def dropped(library: Library, kept: Sequence[int]) -> list[Choice]:
    """The choices that keep some layers as they are, and leave the others out."""
    layers = range(len(library.teacher.layers))
    return [library.own(layer) if layer in kept else (Part(layer, WHOLE, ""),) for layer in layers]
