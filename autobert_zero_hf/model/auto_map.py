"""Which class stands behind which Auto class: for registration, and for folders that carry their code."""

import sys

AUTO_MAP = {
    "AutoConfig": "configuration_autobert_zero.AutoBertZeroConfig",
    "AutoModel": "modeling_autobert_zero.AutoBertZeroModel",
    "AutoModelForTextEncoding": "modeling_autobert_zero.AutoBertZeroModel",
    "AutoModelForPreTraining": "modeling_heads.AutoBertZeroForPreTraining",
    "AutoModelForMaskedLM": "modeling_heads.AutoBertZeroForMaskedLM",
    "AutoModelForNextSentencePrediction": "modeling_heads.AutoBertZeroForNextSentencePrediction",
    "AutoModelForSequenceClassification": "modeling_heads.AutoBertZeroForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_heads.AutoBertZeroForTokenClassification",
    "AutoModelForQuestionAnswering": "modeling_heads.AutoBertZeroForQuestionAnswering",
    "AutoModelForMultipleChoice": "modeling_heads.AutoBertZeroForMultipleChoice",
}

HEAD_NAMES = tuple(
    dict.fromkeys(place.rpartition(".AutoBertZero")[2] for auto, place in AUTO_MAP.items() if auto != "AutoConfig")
)
"""The heads: "Model", which has none, "ForPreTraining", "ForMaskedLM" and so on."""


def code_files() -> list[str]:
    """The files that the classes of the map need."""
    from transformers.dynamic_module_utils import get_relative_import_files

    # The heads import all the rest. That they are imported here, too, takes them to wherever transformers copies the
    # code of a model without a head, which may be saved again there.
    from .modeling_heads import AutoBertZeroForMaskedLM

    heads = str(sys.modules[AutoBertZeroForMaskedLM.__module__].__file__)
    return list(dict.fromkeys((heads, *get_relative_import_files(heads))))
