"""RoBERTa (Liu et al., 2019, arXiv 1907.11692) and XLM-R (Conneau et al., 2020, arXiv 1911.02116).

BERT with positions that are counted from the first token which is no padding. Their table begins with rows that no text
reaches, as many as the padding's number and one: these are left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig

from ..model import architecture
from ..model.block import COUNTED
from .bert import LAYERS
from .family import TransformersFamily, register


@register
class Roberta(TransformersFamily):
    """RoBERTa. Its head of classification drops out before its first linear layer, too; here, after it alone."""

    model_type, title, prefix = "roberta", "RoBERTa", "Roberta"
    rules = (
        ("roberta.", "autobert_zero."),
        *LAYERS,
        ("lm_head.layer_norm", "head.norm"),
        ("lm_head.dense", "head.dense"),
        ("lm_head.decoder", "decoder"),
        ("classifier.dense", "autobert_zero.pooler.dense"),
        ("classifier.out_proj", "classifier"),
    )
    aliases = MappingProxyType({"lm_head.bias": "lm_head.decoder.bias"})
    activation_of_words = "gelu"

    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The layers, and positions that are counted from 0 on."""
        return {
            "layers": architecture("bert", config.num_hidden_layers),
            "hidden_act": config.hidden_act,
            "positions": COUNTED,
            "max_position_embeddings": config.max_position_embeddings - _rows_before(config),
        }

    def weights(self, weights: Mapping[str, Tensor], config: PreTrainedConfig, head: str) -> dict[str, Tensor]:
        """With the rows of positions that texts reach."""
        renamed = super().weights(weights, config, head)
        for name in renamed:
            if name.endswith("embeddings.position_embeddings.weight"):
                renamed[name] = renamed[name][_rows_before(config) :]
        return renamed


@register
class XLMRoberta(Roberta):
    """RoBERTa of a hundred languages."""

    model_type, title, prefix = "xlm-roberta", "XLM-R", "XLMRoberta"


def _rows_before(config: PreTrainedConfig) -> int:
    padding: int = config.pad_token_id
    return padding + 1
