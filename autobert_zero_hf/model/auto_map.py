"""Which class stands behind which Auto class: for registration, and for folders that carry their code."""

AUTO_MAP = {
    "AutoConfig": "configuration_autobert_zero.AutoBertZeroConfig",
    "AutoModel": "modeling_autobert_zero.AutoBertZeroModel",
    "AutoModelForMaskedLM": "modeling_heads.AutoBertZeroForMaskedLM",
    "AutoModelForMultipleChoice": "modeling_heads.AutoBertZeroForMultipleChoice",
    "AutoModelForNextSentencePrediction": "modeling_heads.AutoBertZeroForNextSentencePrediction",
    "AutoModelForPreTraining": "modeling_heads.AutoBertZeroForPreTraining",
    "AutoModelForQuestionAnswering": "modeling_heads.AutoBertZeroForQuestionAnswering",
    "AutoModelForSequenceClassification": "modeling_heads.AutoBertZeroForSequenceClassification",
    "AutoModelForTextEncoding": "modeling_autobert_zero.AutoBertZeroModel",
    "AutoModelForTokenClassification": "modeling_heads.AutoBertZeroForTokenClassification",
}
