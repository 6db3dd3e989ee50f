# Copyright 2026 the authors of autobert-zero-hf.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The heads of AutoBERT-Zero: those of BERT, with its outputs, argument names and losses.

Weights have one name in all heads, so that one checkpoint opens with any: what a head does not know is left out, what a
checkpoint lacks starts anew.

Shapes: B batch, N tokens, C hidden size, E embedding size, V vocabulary, L labels.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F
from transformers.activations import ACT2FN
from transformers.modeling_outputs import (
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    NextSentencePredictorOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple

from .block import find_block
from .configuration_autobert_zero import AutoBertZeroConfig
from .modeling_autobert_zero import AutoBertZeroModel, AutoBertZeroPreTrainedModel


class AutoBertZeroPredictionHead(nn.Module):
    """BERT's transformation of hidden states before they are decoded to words: (..., C) -> (..., E)."""

    def __init__(self, config: AutoBertZeroConfig, width: int | None = None):
        super().__init__()
        width, bias = config.embedding_width if width is None else width, find_block(config.block).bias
        self.dense = nn.Linear(config.hidden_size, width, bias=bias)
        self.activation = ACT2FN[config.hidden_act]
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps, bias=bias)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.norm(self.activation(self.dense(hidden_states)))


def _classifier_dropout(config: AutoBertZeroConfig) -> nn.Dropout:
    return nn.Dropout(config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout)


class _Classifying(AutoBertZeroPreTrainedModel):
    """What the heads share that classify: where the block has it so, they transform what they see."""

    def _make_transformation(self, config: AutoBertZeroConfig) -> None:
        # Where embeddings are narrower, it is no part that a head which predicts words could have, too.
        # CODEPATH: converted ModernBERTs have the width of their layers; what is trained with narrower ones has not.
        name = "head" if config.embedding_size is None else "transformation"
        # CODEPATH: converted ModernBERTs have one; converted BERTs and the paper's backbone have a pooler instead.
        self.transformation_name = name if find_block(config.block).transforms else ""
        if self.transformation_name:
            self.add_module(name, AutoBertZeroPredictionHead(config, config.hidden_size))

    def transformed(self, hidden_states: Tensor) -> Tensor:
        """Hidden states, or vectors of texts: (..., C) -> (..., C)."""
        name = self.transformation_name
        return getattr(self, name)(hidden_states) if name else hidden_states


class _Decoding(AutoBertZeroPreTrainedModel):
    """What the heads share that predict words."""

    head: AutoBertZeroPredictionHead
    decoder: nn.Linear
    _tied_weights_keys: ClassVar = {"decoder.weight": "autobert_zero.embeddings.word_embeddings.weight"}

    def get_output_embeddings(self) -> nn.Linear:
        return self.decoder

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        self.decoder = new_embeddings

    def _decode(
        self, hidden_states: Tensor, labels: Tensor | None, sparse: bool | None
    ) -> tuple[Tensor, Tensor | None]:
        """The logits, (B, N, V), and the labels, (B, N); of the labelled places only, (labels, V) and (labels,)."""
        # CODEPATH: checkpoints decode all places; a training, which looks at the loss alone, the labelled ones.
        if labels is not None and (self.config.sparse_prediction if sparse is None else sparse):
            hidden_states, labels = hidden_states[labels != -100], labels[labels != -100]
        return self.decoder(self.head(hidden_states)), labels


@auto_docstring(
    custom_intro="The output of [`AutoBertZeroForPreTraining`]; the fields are those of `BertForPreTrainingOutput`."
)
@dataclass
class AutoBertZeroForPreTrainingOutput(ModelOutput):
    r"""
    loss (`torch.FloatTensor` of shape `(1,)`, *optional*, returned when `labels` and `next_sentence_label` are given):
        The sum of the masked language modeling loss and the next sentence loss.
    prediction_logits (`torch.FloatTensor` of shape `(batch_size, sequence_length, config.vocab_size)`):
        The scores of each word at each place.
    seq_relationship_logits (`torch.FloatTensor` of shape `(batch_size, 2)`):
        The scores of "is the next sentence" and "is not".
    """

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    seq_relationship_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


@auto_docstring(custom_intro="An AutoBERT-Zero model with both heads of pre-training: masked words and next sentence.")
class AutoBertZeroForPreTraining(_Decoding):
    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config)
        self.head = AutoBertZeroPredictionHead(config)
        self.decoder = nn.Linear(config.embedding_width, config.vocab_size)
        self.seq_relationship = nn.Linear(config.hidden_size, 2)
        self.loss_type = "ForMaskedLM"
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        sparse_prediction: bool | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> AutoBertZeroForPreTrainingOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*):
            The words to be predicted; -100 where none is.
        next_sentence_label (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            0 where the second text goes on from the first, 1 where it was taken from elsewhere.
        sparse_prediction (`bool`, *optional*, defaults to `config.sparse_prediction`):
            Whether only the places with labels are decoded, so that the logits have shape `(number of labels,
            vocab_size)`.

        Where the loss of several batches is accumulated (`num_items_in_batch`, the labels in all of them), each batch's
        next sentence loss weighs what its labels are of all labels.
        """
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        logits, decoded = self._decode(outputs.last_hidden_state, labels, sparse_prediction)
        next_sentence = self.seq_relationship(outputs.pooler_output)
        loss = None
        if decoded is not None and next_sentence_label is not None:
            loss = F.cross_entropy(next_sentence, next_sentence_label.view(-1))
            if (total := kwargs.get("num_items_in_batch")) is not None:
                loss = loss * (decoded != -100).sum() / total
            loss = loss + self.loss_function(logits, decoded, vocab_size=self.config.vocab_size, **kwargs)
        return AutoBertZeroForPreTrainingOutput(
            loss=loss,
            prediction_logits=logits,
            seq_relationship_logits=next_sentence,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that predicts masked words.")
class AutoBertZeroForMaskedLM(_Decoding):
    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config, add_pooling_layer=False)
        self.head = AutoBertZeroPredictionHead(config)
        self.decoder = nn.Linear(config.embedding_width, config.vocab_size)
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        sparse_prediction: bool | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> MaskedLMOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*):
            The words to be predicted; -100 where none is.
        sparse_prediction (`bool`, *optional*, defaults to `config.sparse_prediction`):
            Whether only the places with labels are decoded, so that the logits have shape `(number of labels,
            vocab_size)`.

        Examples:

        ```python
        >>> import torch
        >>> from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM

        >>> config = AutoBertZeroConfig(num_hidden_layers=2, hidden_size=48, num_attention_heads=3)
        >>> model = AutoBertZeroForMaskedLM(config).eval()
        >>> input_ids = torch.tensor([[101, 7592, 103, 102]])  # 103 stands for [MASK]
        >>> labels = torch.tensor([[-100, -100, 2088, -100]])
        >>> outputs = model(input_ids, labels=labels)
        >>> outputs.logits.shape, outputs.loss.shape
        (torch.Size([1, 4, 30522]), torch.Size([]))

        ```"""
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        logits, decoded = self._decode(outputs.last_hidden_state, labels, sparse_prediction)
        loss = None
        if decoded is not None:
            loss = self.loss_function(logits, decoded, vocab_size=self.config.vocab_size, **kwargs)
        return MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that tells whether one text goes on from another.")
class AutoBertZeroForNextSentencePrediction(AutoBertZeroPreTrainedModel):
    accepts_loss_kwargs = False  # a mean over rows, which accumulation must not divide by the number of items

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config)
        self.seq_relationship = nn.Linear(config.hidden_size, 2)
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> NextSentencePredictorOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            0 where the second text goes on from the first, 1 where it was taken from elsewhere.
        """
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        # (B, C) -> (B, 2)
        logits = self.seq_relationship(outputs.pooler_output)
        loss = None if labels is None else F.cross_entropy(logits, labels.view(-1))
        return NextSentencePredictorOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that classifies texts, or rates them.")
class AutoBertZeroForSequenceClassification(_Classifying):
    accepts_loss_kwargs = False  # a mean over rows, which accumulation must not divide by the number of items

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.autobert_zero = AutoBertZeroModel(config)
        self._make_transformation(config)
        self.dropout = _classifier_dropout(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)  # type: ignore[arg-type]  # never None
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> SequenceClassifierOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            The classes, in `[0, num_labels)`. With one label a regression loss is computed, with float labels of shape
            `(batch_size, num_labels)` a multi-label loss.
        """
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        # (B, C) -> (B, L)
        logits = self.classifier(self.dropout(self.transformed(outputs.pooler_output)))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config, **kwargs)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that classifies tokens, for example as parts of names.")
class AutoBertZeroForTokenClassification(_Classifying):
    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.autobert_zero = AutoBertZeroModel(config, add_pooling_layer=False)
        self._make_transformation(config)
        self.dropout = _classifier_dropout(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)  # type: ignore[arg-type]  # never None
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> TokenClassifierOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*):
            The classes, in `[0, num_labels)`; -100 where there is none.
        """
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        # (B, N, C) -> (B, N, L)
        logits = self.classifier(self.dropout(self.transformed(outputs.last_hidden_state)))
        loss = None if labels is None else self.loss_function(logits, labels, self.config, **kwargs)
        return TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that marks the answer to a question in a text, as in SQuAD.")
class AutoBertZeroForQuestionAnswering(_Classifying):
    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config, add_pooling_layer=False)
        self._make_transformation(config)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> QuestionAnsweringModelOutput:
        r"""
        start_positions (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            The first token of the answer; one beyond the tokens is left out of the loss.
        end_positions (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            The last token of the answer, likewise.
        """
        outputs = self.autobert_zero(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        # (B, N, C) -> (B, N, 2) -> 2 x (B, N)
        logits = self.qa_outputs(self.transformed(outputs.last_hidden_state))
        start_logits, end_logits = (each.contiguous() for each in logits.unbind(-1))
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = self.loss_function(start_logits, end_logits, start_positions, end_positions, **kwargs)
        return QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model that scores several texts and chooses one.")
class AutoBertZeroForMultipleChoice(_Classifying):
    accepts_loss_kwargs = False  # a mean over rows, which accumulation must not divide by the number of items

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config)
        self._make_transformation(config)
        self.dropout = _classifier_dropout(config)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.post_init()

    @can_return_tuple
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> MultipleChoiceModelOutput:
        r"""
        input_ids (`torch.LongTensor` of shape `(batch_size, num_choices, sequence_length)`, *optional*):
            The choices, each a row of tokens.
        attention_mask (`torch.Tensor` of shape `(batch_size, num_choices, sequence_length)`, *optional*):
            1 for real tokens, 0 for padding.
        token_type_ids (`torch.LongTensor` of shape `(batch_size, num_choices, sequence_length)`, *optional*):
            0 for the tokens of the first text, 1 for those of the second.
        position_ids (`torch.LongTensor` of shape `(batch_size, num_choices, sequence_length)`, *optional*):
            The place of each token, in `[0, max_position_embeddings)`.
        inputs_embeds (`torch.FloatTensor`, *optional*):
            Embeddings instead of `input_ids`, of shape `(batch_size, num_choices, sequence_length, embedding_size)`.
        labels (`torch.LongTensor` of shape `(batch_size,)`, *optional*):
            The right choices, in `[0, num_choices)`.

        Examples:

        ```python
        >>> import torch
        >>> from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMultipleChoice

        >>> config = AutoBertZeroConfig(num_hidden_layers=2, hidden_size=48, num_attention_heads=3)
        >>> model = AutoBertZeroForMultipleChoice(config).eval()
        >>> one_question_four_choices = torch.randint(1, config.vocab_size, (1, 4, 10))
        >>> model(one_question_four_choices).logits.shape
        torch.Size([1, 4])

        ```"""
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None or given.dim() != (3 if given is input_ids else 4):
            shape = None if given is None else tuple(given.shape)
            raise ValueError(
                "multiple choice takes input_ids of shape (batch, choices, tokens) or inputs_embeds of shape "
                f"(batch, choices, tokens, embedding size), not {shape}"
            )
        # (B, choices, N, ...) -> (B * choices, N, ...)
        flat = (
            None if each is None else each.flatten(0, 1)
            for each in (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        )
        outputs = self.autobert_zero(*flat, return_dict=True, **kwargs)
        # (B * choices, C) -> (B, choices)
        logits = self.classifier(self.dropout(self.transformed(outputs.pooler_output))).view(given.shape[:2])
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return MultipleChoiceModelOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


__all__ = [
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForMultipleChoice",
    "AutoBertZeroForNextSentencePrediction",
    "AutoBertZeroForPreTraining",
    "AutoBertZeroForPreTrainingOutput",
    "AutoBertZeroForQuestionAnswering",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroForTokenClassification",
]
