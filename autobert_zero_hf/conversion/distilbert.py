"""DistilBERT (Sanh et al., 2019, arXiv 1910.01108): BERT without token types, and a pooler with another activation."""

from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from ..model import AutoBertZeroConfig, architecture
from .family import TransformersFamily, register


@register
class DistilBert(TransformersFamily):
    """DistilBERT. Its head of question answering drops out hidden states; here, none are."""

    model_type, title, prefix = "distilbert", "DistilBERT", "DistilBert"
    rules = (
        ("distilbert.", "autobert_zero."),
        ("embeddings.LayerNorm", "embeddings.norm"),
        ("transformer.layer.", "layers."),
        ("attention.q_lin", "attention.q_proj"),
        ("attention.k_lin", "attention.k_proj"),
        ("attention.v_lin", "attention.v_proj"),
        ("attention.out_lin", "attention.o_proj"),
        ("sa_layer_norm", "mixer_norm"),
        ("output_layer_norm", "mlp_norm"),
        ("ffn.lin1", "mlp.up_proj"),
        ("ffn.lin2", "mlp.down_proj"),
        ("vocab_transform", "head.dense"),
        ("vocab_layer_norm", "head.norm"),
        ("vocab_projector", "decoder"),
        ("pre_classifier", "autobert_zero.pooler.dense"),
    )

    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The sizes, which a DistilBERT has other names for, by ours."""
        return {
            "layers": architecture("bert", config.n_layers),
            "num_hidden_layers": config.n_layers,
            "hidden_size": config.dim,
            "num_attention_heads": config.n_heads,
            "intermediate_size": config.hidden_dim,
            "hidden_act": config.activation,
            "hidden_dropout_prob": config.dropout,
            "attention_probs_dropout_prob": config.attention_dropout,
            "layer_norm_eps": 1e-12,
            "type_vocab_size": 0,
            "pooler_act": "relu",
        }

    def config(self, model: PreTrainedModel) -> AutoBertZeroConfig:
        """With the dropout of its head, which has a name of its own."""
        config = super().config(model)
        if hasattr(model, "pre_classifier"):
            config.classifier_dropout = model.config.seq_classif_dropout
        return config
