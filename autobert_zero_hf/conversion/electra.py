"""ELECTRA (Clark et al., 2020, arXiv 2003.10555): BERT with embeddings of a width of their own, and another pooler.

Its generators predict words; its discriminators, which are what people fine-tune, tell tokens that were replaced. That
head this package does not have: such a checkpoint becomes a model without a head.
"""

from typing import Any

from transformers import ElectraForMultipleChoice, PreTrainedConfig, PreTrainedModel

from ..errors import AutoBertZeroError
from ..model import architecture
from .bert import LAYERS
from .family import TransformersFamily, register


@register
class Electra(TransformersFamily):
    """ELECTRA. Its head of classification drops out before its first linear layer, too; here, after it alone."""

    model_type, title, prefix = "electra", "ELECTRA", "Electra"
    not_ours = ("ForPreTraining",)
    rules = (
        ("electra.", "autobert_zero."),
        ("embeddings_project", "embeddings.projection"),
        *LAYERS,
        ("generator_predictions.LayerNorm", "head.norm"),
        ("generator_predictions.dense", "head.dense"),
        ("generator_lm_head", "decoder"),
        ("classifier.dense", "autobert_zero.pooler.dense"),
        ("classifier.out_proj", "classifier"),
        ("sequence_summary.summary", "autobert_zero.pooler.dense"),
    )
    activation_of_words = "gelu"

    def fields(self, config: PreTrainedConfig) -> dict[str, Any]:
        """The layers, and the width of the embeddings where it is not that of the layers."""
        own = config.embedding_size != config.hidden_size
        return {
            "layers": architecture("bert", config.num_hidden_layers),
            "hidden_act": config.hidden_act,
            "embedding_size": config.embedding_size if own else None,
            "pooler_act": "gelu",
        }

    def check(self, model: PreTrainedModel, head: str) -> None:
        """As of all families; and a summary of texts other than the usual one."""
        super().check(model, head)
        said = model.config
        summary = (said.summary_type, said.summary_use_proj, said.summary_activation)
        if isinstance(model, ElectraForMultipleChoice) and summary != ("first", True, "gelu"):
            raise AutoBertZeroError(
                f"ELECTRA with summary_type, summary_use_proj and summary_activation {summary} cannot be converted "
                "with this head: here it takes the first token, through a linear layer and gelu; name another head"
            )
