"""The model: attention formulas, their compiler, and the transformers classes. Imports nothing else of this package.

The folder is flat and self-contained, because transformers copies its files to the Hub as a model's remote code.
"""

from .architectures import ARCHITECTURES, architecture
from .auto_map import AUTO_MAP
from .backbone import AttentionLayer, ConvolutionLayer, backbone_identity, parse_layer
from .configuration_autobert_zero import AutoBertZeroConfig
from .graph import AttentionGraph, FormulaError
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
    "AttentionLayer",
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
    "ConvolutionLayer",
    "FormulaError",
    "architecture",
    "backbone_identity",
    "parse_layer",
]
