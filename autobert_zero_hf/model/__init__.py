"""The model: attention formulas, their compiler, and the transformers classes. Its files import nothing else of ours.

The folder is flat and self-contained, because transformers copies its files to the Hub as a model's remote code. The
formulas need neither torch nor transformers; the classes, which do, are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from ..lazily import lazy_names
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

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
