"""Which class stands behind which Auto class: for registration, and for folders that carry their code."""

from pathlib import Path

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


_TAKEN_ALONG = """
from .modeling_heads import AutoBertZeroForMaskedLM
"""
"""Not run, but read: transformers takes along what the text of a file seems to import. The heads import all the rest,
so the code is whole wherever that of a configuration, or of a model without a head, is copied, and can be saved."""


def code_files() -> list[Path]:
    """The files that the classes of the map need."""
    from transformers.dynamic_module_utils import get_relative_import_files

    heads = Path(__file__).with_name("modeling_heads.py")
    return sorted({heads, *map(Path, get_relative_import_files(str(heads)))})
