"""The heads by their names, which a BERT, a port of AutoBERT-Zero and this package share."""

import re

from ..model import (
    AutoBertZeroForMaskedLM,
    AutoBertZeroForMultipleChoice,
    AutoBertZeroForNextSentencePrediction,
    AutoBertZeroForPreTraining,
    AutoBertZeroForQuestionAnswering,
    AutoBertZeroForSequenceClassification,
    AutoBertZeroForTokenClassification,
    AutoBertZeroModel,
    AutoBertZeroPreTrainedModel,
)

HEADS: dict[str, type[AutoBertZeroPreTrainedModel]] = {
    each.__name__.removeprefix("AutoBertZero"): each
    for each in (
        AutoBertZeroModel,
        AutoBertZeroForPreTraining,
        AutoBertZeroForMaskedLM,
        AutoBertZeroForNextSentencePrediction,
        AutoBertZeroForSequenceClassification,
        AutoBertZeroForTokenClassification,
        AutoBertZeroForQuestionAnswering,
        AutoBertZeroForMultipleChoice,
    )
}
"""What a checkpoint can become: "Model", which has no head, "ForPreTraining", "ForMaskedLM" and so on."""


def head_of(class_name: str) -> str:
    """The head in the name of a class: of BertForMaskedLM and of AutoBertModelForMaskedLM it is ForMaskedLM."""
    return re.sub(r"^(Auto)?Bert(Model(?=For))?", "", class_name)
