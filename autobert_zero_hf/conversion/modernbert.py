"""ModernBERT (Warner et al., 2024, arXiv 2412.13663), and Ettin's encoders, which are of the same architecture.

Its layers that see 64 tokens on either side are windows here; the others are BERT's attention. Where its norms stand,
its gates, its rotary positions and its heads are those of the block "modernbert". Texts that a classifier sees are
pooled as it pools them.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from ..errors import AutoBertZeroError
from ..model.architectures import BERT_ATTENTION
from .family import TransformersFamily, register
from .renaming import rename

_BIASES = ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias")
_GLOBAL, _LOCAL = "full_attention", "sliding_attention"


@register
class ModernBert(TransformersFamily):
    """ModernBERT. Its dropouts are 0 by default; others stand at BERT's places here."""

    model_type, title, prefix = "modernbert", "ModernBERT", "ModernBert"
    rules = (
        ("model.", "autobert_zero."),
        ("tok_embeddings", "word_embeddings"),
        ("attn.", "attention."),
        ("attention.Wo", "attention.o_proj"),
        ("attn_norm", "mixer_norm"),
        ("mlp.Wo", "mlp.down_proj"),
    )

    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The layers by their kinds, and all else in our words."""
        window = f"window({config.sliding_window}, {BERT_ATTENTION})"
        return {
            "layers": [BERT_ATTENTION if kind == _GLOBAL else window for kind in config.layer_types],
            "block": "modernbert",
            "rope_theta": config.rope_parameters[_GLOBAL]["rope_theta"],
            "local_rope_theta": config.rope_parameters[_LOCAL]["rope_theta"],
            "hidden_act": config.hidden_activation,
            "layer_norm_eps": config.norm_eps,
            "hidden_dropout_prob": config.embedding_dropout,
            "attention_probs_dropout_prob": config.attention_dropout,
            "classifier_pooling": "first" if config.classifier_pooling == "cls" else "mean",
            "type_vocab_size": 0,
        }

    def check(self, model: PreTrainedModel, head: str) -> None:
        """As of all families; and biases, positions and activations other than the usual ones."""
        super().check(model, head)
        config = model.config
        problems = [f"{name}=True" for name in _BIASES if getattr(config, name)]
        problems += [
            f"rope_type={each['rope_type']!r}"
            for each in config.rope_parameters.values()
            if each is not None and each["rope_type"] != "default"
        ]
        if head == "ForMaskedLM" and not config.decoder_bias:
            problems.append("decoder_bias=False")
        if head != "Model" and config.classifier_activation != config.hidden_activation:
            problems.append(f"classifier_activation={config.classifier_activation!r}")
        if problems:
            raise AutoBertZeroError(
                f'ModernBERT with {", ".join(problems)} cannot be converted: the block "modernbert" is without; give '
                "one of the usual kind"
            )

    def weights(self, weights: Mapping[str, Tensor], config: PreTrainedConfig, head: str) -> dict[str, Tensor]:
        """With queries, keys and values, and what is activated and its gates, each by itself."""
        single: dict[str, Tensor] = {}
        for name, weight in weights.items():
            if "attn.Wqkv" in name:
                parts = zip("qkv", weight.chunk(3), strict=True)
                single |= {name.replace("Wqkv", f"{part}_proj"): each for part, each in parts}
            elif "mlp.Wi" in name:
                parts = zip(("up", "gate"), weight.chunk(2), strict=True)
                single |= {name.replace("Wi", f"{part}_proj"): each for part, each in parts}
            else:
                single[name] = weight
        renamed = super().weights(single, config, head)
        if head == "ForQuestionAnswering":  # its heads of all kinds have one name for their last layer
            renamed = rename(renamed, [("classifier.", "qa_outputs.")], {})
        return renamed
