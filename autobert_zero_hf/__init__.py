"""Discovered BERT backbones for transformers: importing this package registers the model type `autobert_zero`.

The import itself takes neither torch nor transformers along: the model type is registered as soon as the Auto classes
are there, and the classes of this package are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from .lazily import lazy_names
from .registration import register as _register

if TYPE_CHECKING:
    from .api.convert import convert
    from .api.evaluate import evaluate
    from .api.finetune import finetune
    from .api.pretrain import pretrain
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

__version__ = "0.2.0.dev0"

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
    "convert",
    "evaluate",
    "finetune",
    "pretrain",
]

_register()

_FUNCTIONS = ("convert", "evaluate", "finetune", "pretrain")

__getattr__, __dir__ = lazy_names(
    __name__, {**dict.fromkeys(__all__, "model"), **{name: f"api.{name}" for name in _FUNCTIONS}}
)
