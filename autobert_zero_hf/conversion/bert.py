"""BERT as the point of the search space that it is: the backbone `architecture("bert", n)`."""

from typing import Any

import torch
import transformers
from transformers import BertConfig, BertForQuestionAnswering, BertModel, BertPreTrainedModel

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel, architecture
from .heads import HEADS
from .loading import load, shared_fields
from .renaming import PREDICTIONS, rename

BERTS: dict[str, type[BertPreTrainedModel]] = {head: getattr(transformers, f"Bert{head}") for head in HEADS}

RULES = (
    ("bert.", "autobert_zero."),
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
    *PREDICTIONS,
)


def from_bert(model: BertPreTrainedModel) -> AutoBertZeroPreTrainedModel:
    """A model of this package that computes what a BERT computes.

    Args:
        model: a `BertModel`, with a pooler or without, or one of BERT's heads that are in
            [`~autobert_zero_hf.conversion.HEADS`]. It stays as it is: the weights are copied.

    Returns:
        The model of the same head, in the same precision, mode and place.

    Raises:
        AutoBertZeroError: if it is another model, a decoder, or has positions that are not absolute.

    Examples:

    ```python
    >>> from transformers import BertConfig, BertForMaskedLM
    >>> from autobert_zero_hf.conversion import from_bert

    >>> bert = BertForMaskedLM(BertConfig(hidden_size=32, num_attention_heads=2, num_hidden_layers=1))
    >>> model = from_bert(bert)
    >>> type(model).__name__, model.config.layers
    ('AutoBertZeroForMaskedLM', ['matmul(softmax(scale(matmul(q, transpose(k)))), v)'])

    ```"""
    head = next((head for head, each in BERTS.items() if type(model) is each), None)
    if head is None:
        known = ", ".join(each.__name__ for each in BERTS.values())
        raise AutoBertZeroError(f"a {type(model).__name__} cannot be converted: give one of {known}")
    config = _config(model)
    pooler = {"add_pooling_layer": model.pooler is not None} if isinstance(model, BertModel) else {}
    with torch.device("meta"):
        ours = HEADS[head](config, **pooler)
    weights = rename(model.state_dict(), RULES)
    if strange := sorted(weights.keys() ^ ours.state_dict().keys()):
        raise AutoBertZeroError(
            f"the {type(model).__name__} was changed: {len(strange)} of its weights, {strange[0]} for one, are not "
            "those of a BERT; take the changes, such as adapters, out of it"
        )
    ours.load_state_dict({name: weight.clone() for name, weight in weights.items()}, assign=True)
    ours.tie_weights()
    return ours.train(model.training)


def _config(model: BertPreTrainedModel) -> AutoBertZeroConfig:
    """BERT's configuration as ours."""
    config: BertConfig = model.config
    if config.is_decoder or config.add_cross_attention:
        raise AutoBertZeroError(
            "a BERT that is a decoder (is_decoder or add_cross_attention in its configuration) cannot be converted: "
            "AutoBERT-Zero is an encoder; give a BERT that is one"
        )
    if (positions := getattr(config, "position_embedding_type", "absolute")) != "absolute":
        raise AutoBertZeroError(
            f'a BERT with position_embedding_type "{positions}" cannot be converted: AutoBERT-Zero has absolute '
            "positions; give a BERT that has them"
        )
    if isinstance(model, BertForQuestionAnswering) and config.num_labels != 2:
        raise AutoBertZeroError(
            f"question answering with {config.num_labels} labels cannot be converted: it takes 2, the start and the "
            "end of an answer; give a BERT that has them"
        )
    fields = shared_fields(config.to_dict())
    if (decoder := model.get_output_embeddings()) is not None:
        # What is, rather than what was asked for: transformers unties weights that differ in a checkpoint.
        fields["tie_word_embeddings"] = decoder.weight is model.get_input_embeddings().weight
    ours = AutoBertZeroConfig(**fields, layers=architecture("bert", config.num_hidden_layers))
    ours._attn_implementation = config._attn_implementation
    return ours


def load_bert(source: str, head: str, **load_options: Any) -> AutoBertZeroPreTrainedModel:
    """Open a BERT checkpoint with one of BERT's heads, and convert it.

    Args:
        source: a folder or Hub name.
        head: one of `HEADS`. What the checkpoint lacks of it starts anew; a pooler that it lacks is left out of
            "Model".
        load_options: those of `from_pretrained`.

    Raises:
        AutoBertZeroError: as [`from_bert`] does, or if weights of the backbone are missing.
    """
    model, anew = load(BERTS[head], source, **load_options)
    if isinstance(model, BertModel) and any(name.startswith("pooler.") for name in anew):
        model.pooler = None
    if "cls.predictions.decoder.bias" in anew and "cls.predictions.bias" not in anew:
        # A file with untied embeddings holds the bias under this name only; transformers 5 leaves the other at zero.
        model.get_output_embeddings().bias = model.get_parameter("cls.predictions.bias")
    return from_bert(model)
