"""The model: attention formulas, their compiler, and the transformers classes. Imports nothing else of this package.

The folder is flat and self-contained, because transformers copies its files to the Hub as a model's remote code. The
formulas need neither torch nor transformers; the classes, which do, are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .architectures import ARCHITECTURES, architecture
from .auto_map import AUTO_MAP
from .graph import AttentionGraph, FormulaError
from .layers import Layer, backbone_identity, parse_layer

if TYPE_CHECKING:
    from .configuration_autobert_zero import AutoBertZeroConfig
    from .modeling_autobert_zero import AutoBertZeroModel, AutoBertZeroPreTrainedModel
    from .modeling_heads import (
        AutoBertZeroForMaskedLM,
        AutoBertZeroForMultipleChoice,
        AutoBertZeroForNextSentencePrediction,
        AutoBertZeroForPreTraining,
        AutoBertZeroForPreTrainingOutput,
        AutoBertZeroForQuestionAnswering,
        AutoBertZeroForSequenceClassification,
        AutoBertZeroForTokenClassification,
    )

__all__ = [
    "ARCHITECTURES",
    "AUTO_MAP",
    "AttentionGraph",
    "AutoBertZeroConfig",
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForMultipleChoice",
    "AutoBertZeroForNextSentencePrediction",
    "AutoBertZeroForPreTraining",
    "AutoBertZeroForPreTrainingOutput",
    "AutoBertZeroForQuestionAnswering",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroForTokenClassification",
    "AutoBertZeroModel",
    "AutoBertZeroPreTrainedModel",
    "FormulaError",
    "Layer",
    "architecture",
    "backbone_identity",
    "parse_layer",
]

_MODULES = {
    **{place.rpartition(".")[2]: place.partition(".")[0] for place in AUTO_MAP.values()},
    "AutoBertZeroPreTrainedModel": "modeling_autobert_zero",
    "AutoBertZeroForPreTrainingOutput": "modeling_heads",
}
"""Where the classes of transformers are."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
