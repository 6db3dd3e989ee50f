"""BERT (Devlin et al., 2019, arXiv 1810.04805): the backbone `architecture("bert", n)`."""

from typing import Any

from transformers import PreTrainedConfig

from ..model import architecture
from .family import TransformersFamily, register
from .renaming import OF_BERT, PREDICTIONS

LAYERS = (
    ("embeddings.LayerNorm", "embeddings.norm"),
    ("encoder.layer.", "layers."),
    ("attention.self.query", "attention.q_proj"),
    ("attention.self.key", "attention.k_proj"),
    ("attention.self.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("attention.output.LayerNorm", "mixer_norm"),
    ("intermediate.dense", "mlp.up_proj"),
    ("output.dense", "mlp.down_proj"),
    ("output.LayerNorm", "mlp_norm"),
)
"""The rules for layers whose names are BERT's."""


@register
class Bert(TransformersFamily):
    """BERT, with every head."""

    model_type, title, prefix = "bert", "BERT", "Bert"
    rules = (("bert.", "autobert_zero."), *LAYERS, *PREDICTIONS)
    aliases = OF_BERT

    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The layers; all else has the same name."""
        return {"layers": architecture("bert", config.num_hidden_layers), "hidden_act": config.hidden_act}
