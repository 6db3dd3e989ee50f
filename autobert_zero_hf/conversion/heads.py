"""The heads by their names, which a BERT, a port of AutoBERT-Zero and this package share."""

import re

from .. import model
from ..model import AutoBertZeroPreTrainedModel
from ..model.auto_map import HEAD_NAMES

HEADS: dict[str, type[AutoBertZeroPreTrainedModel]] = {
    name: getattr(model, f"AutoBertZero{name}") for name in HEAD_NAMES
}
"""What a checkpoint can become: "Model", which has no head, "ForPreTraining", "ForMaskedLM" and so on."""


def head_of(class_name: str) -> str:
    """The head in the name of a class of BERT's, of PyPI's autobert, or of this package.

    >>> [head_of(f"{model}ForMaskedLM") for model in ("Bert", "AutoBertModel", "AutoBertZero")]
    ['ForMaskedLM', 'ForMaskedLM', 'ForMaskedLM']
    >>> head_of("BertModel"), head_of("AutoBertZeroModel")
    ('Model', 'Model')
    """
    return re.sub(r"^(Auto)?Bert(Zero|Model(?=For))?", "", class_name)
