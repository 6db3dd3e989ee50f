"""The heads by their names, which a BERT, a port of AutoBERT-Zero and this package share."""

import re

from .. import model
from ..model import AUTO_MAP, AutoBertZeroPreTrainedModel

HEADS: dict[str, type[AutoBertZeroPreTrainedModel]] = {
    place.rpartition(".AutoBertZero")[2]: getattr(model, place.rpartition(".")[2])
    for auto, place in AUTO_MAP.items()
    if auto != "AutoConfig"
}
"""What a checkpoint can become: "Model", which has no head, "ForPreTraining", "ForMaskedLM" and so on."""


def head_of(class_name: str) -> str:
    """The head in the name of a class: of BertForMaskedLM and of AutoBertModelForMaskedLM it is ForMaskedLM."""
    return re.sub(r"^(Auto)?Bert(Model(?=For))?", "", class_name)
