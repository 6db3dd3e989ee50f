"""Discovered BERT backbones for transformers: importing this package registers the model type `autobert_zero`."""

from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer
from transformers import BertTokenizer as _BertTokenizer

from .model import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroModel,
    AutoBertZeroPreTrainedModel,
    architecture,
)

__version__ = "0.1.0"

AutoConfig.register(AutoBertZeroConfig.model_type, AutoBertZeroConfig)
AutoTokenizer.register(AutoBertZeroConfig, tokenizer_class=_BertTokenizer)
AutoModel.register(AutoBertZeroConfig, AutoBertZeroModel)
AutoModelForMaskedLM.register(AutoBertZeroConfig, AutoBertZeroForMaskedLM)
AutoModelForSequenceClassification.register(AutoBertZeroConfig, AutoBertZeroForSequenceClassification)

__all__ = [
    "AutoBertZeroConfig",
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroModel",
    "AutoBertZeroPreTrainedModel",
    "architecture",
]
