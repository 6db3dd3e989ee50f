"""The model: attention formulas, their compiler, and the transformers classes. Imports nothing else of this package.

The folder is flat and self-contained, because transformers copies its files to the Hub as a model's remote code.
"""

from .architectures import ARCHITECTURES, architecture
from .backbone import AttentionLayer, ConvolutionLayer, backbone_identity, parse_layer
from .configuration_autobert_zero import AutoBertZeroConfig
from .graph import AttentionGraph, FormulaError
from .modeling_autobert_zero import (
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
    AutoBertZeroPreTrainedModel,
)

__all__ = [
    "ARCHITECTURES",
    "AttentionGraph",
    "AttentionLayer",
    "AutoBertZeroConfig",
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroModel",
    "AutoBertZeroPreTrainedModel",
    "ConvolutionLayer",
    "FormulaError",
    "architecture",
    "backbone_identity",
    "parse_layer",
]
