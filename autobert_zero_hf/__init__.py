"""Discovered BERT backbones for transformers: importing this package registers the model type `autobert_zero`."""

import transformers as _transformers

from . import model as _model
from .model import (
    AutoBertZeroConfig,
    AutoBertZeroForMaskedLM,
    AutoBertZeroForMultipleChoice,
    AutoBertZeroForNextSentencePrediction,
    AutoBertZeroForPreTraining,
    AutoBertZeroForQuestionAnswering,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
    AutoBertZeroModel,
    AutoBertZeroPreTrainedModel,
    architecture,
)
from .rendering.notebook import show_in_notebooks as _show_in_notebooks

__version__ = "0.1.0"

_transformers.AutoConfig.register(AutoBertZeroConfig.model_type, AutoBertZeroConfig)
_transformers.AutoTokenizer.register(AutoBertZeroConfig, tokenizer_class=_transformers.BertTokenizer)
for _auto, _place in _model.AUTO_MAP.items():
    if _auto != "AutoConfig":
        getattr(_transformers, _auto).register(AutoBertZeroConfig, getattr(_model, _place.rpartition(".")[2]))
_show_in_notebooks()

__all__ = [
    "AutoBertZeroConfig",
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForMultipleChoice",
    "AutoBertZeroForNextSentencePrediction",
    "AutoBertZeroForPreTraining",
    "AutoBertZeroForQuestionAnswering",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroForTokenClassification",
    "AutoBertZeroModel",
    "AutoBertZeroPreTrainedModel",
    "architecture",
]
