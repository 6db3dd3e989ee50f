"""AutoBERT-Zero models: a BERT whose layers are what `config.layers` says.

Each layer is a *mixer* (an attention that computes the layer's formula, or a lightweight convolution) and then BERT's
feed-forward block; both with a residual connection and LayerNorm after it, as in BERT.

Shapes: B batch, N tokens, H heads, D head size, C hidden size, F feed-forward size, V vocabulary.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.activations import ACT2FN, GELUActivation
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling, MaskedLMOutput, SequenceClassifierOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, auto_docstring
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .backbone import AttentionLayer, ConvolutionLayer, parse_layer
from .configuration_autobert_zero import AutoBertZeroConfig
from .convolution import lightweight_convolution
from .execution import Surroundings, interpret, run


class AutoBertZeroEmbeddings(nn.Module):
    """The sum of word, position and token type embeddings, as in BERT."""

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> Tensor:
        if inputs_embeds is None:
            inputs_embeds = self.word_embeddings(input_ids)
        if position_ids is None:
            position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device)[None]
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(position_ids)
        # (B, N, C) + (1 or B, N, C) + (1 or B, N, C)
        embeddings = inputs_embeds + self.token_type_embeddings(token_type_ids)
        embeddings = embeddings + self.position_embeddings(position_ids)
        return self.dropout(self.norm(embeddings))


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Unpack[TransformersKwargs],
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention as it is written, for `get_interface` to fall back on where no kernel is named."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.dropout(scores.softmax(-1), p=dropout, training=module.training)
    # (B, H, N, D) -> (B, N, H, D)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class AutoBertZeroAttention(nn.Module):
    """An attention that computes a formula over q, k and v; only the projections that the formula uses exist.

    With `attn_implementation="eager"` the formula is run as it is written, and the attention weights are returned;
    otherwise as a plan, whose fused attentions run on that implementation.
    """

    def __init__(self, config: AutoBertZeroConfig, layer: AttentionLayer, layer_idx: int):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.typed = layer.typed
        self.plan = layer.plan
        self.num_attention_heads = config.num_attention_heads
        self.head_dim = config.head_dim
        self.attention_dropout = config.attention_probs_dropout_prob
        self.is_causal = False
        width = config.num_attention_heads * config.head_dim
        for name in layer.graph.inputs:
            self.add_module(f"{name}_proj", nn.Linear(config.hidden_size, width))
        self.o_proj = nn.Linear(width, config.hidden_size)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        token_mask: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[Tensor, Tensor | None]:
        batch, tokens = hidden_states.shape[:2]
        # (B, N, C) -> (B, N, H, D) -> (B, H, N, D)
        split = (batch, tokens, self.num_attention_heads, self.head_dim)
        inputs = {
            name: getattr(self, f"{name}_proj")(hidden_states).view(split).transpose(1, 2)
            for name in self.typed.graph.inputs
        }
        dropout = self.attention_dropout if self.training else 0.0
        surroundings = Surroundings(self.head_dim, token_mask, dropout)
        if self.config._attn_implementation == "eager":
            output, weights = interpret(self.typed, inputs, surroundings)
        else:
            weights = None
            interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
                self.config._attn_implementation, eager_attention_forward
            )

            def attention(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
                # Kernels answer in (B, N, H, D).
                return interface(self, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs)[
                    0
                ].transpose(1, 2)

            output = run(self.plan, inputs, surroundings, attention)
        # (B, H, N, D) -> (B, N, H * D)
        output = output.transpose(1, 2).reshape(batch, tokens, -1)
        return self.o_proj(output), weights


class AutoBertZeroConvolution(nn.Module):
    """Linear to twice the width, gated linear unit, lightweight convolution, linear."""

    def __init__(self, config: AutoBertZeroConfig, layer: ConvolutionLayer):
        super().__init__()
        width = config.num_attention_heads * config.head_dim
        self.num_attention_heads = config.num_attention_heads
        self.in_proj = nn.Linear(config.hidden_size, 2 * width)
        self.kernels = nn.Parameter(torch.empty(config.num_attention_heads, layer.kernel_size))
        self.out_proj = nn.Linear(width, config.hidden_size)

    def forward(self, hidden_states: Tensor, token_mask: Tensor | None = None) -> Tensor:
        batch, tokens = hidden_states.shape[:2]
        # (B, N, C) -> (B, N, 2 * H * D) -> (B, N, H * D) -> (B, N, H, D)
        gated = nn.functional.glu(self.in_proj(hidden_states))
        heads = gated.view(batch, tokens, self.num_attention_heads, -1)
        mixed = lightweight_convolution(heads, self.kernels, token_mask)
        return self.out_proj(mixed.reshape(batch, tokens, -1))


class AutoBertZeroMLP(nn.Module):
    """BERT's feed-forward block: (B, N, C) -> (B, N, F) -> (B, N, C)."""

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACT2FN[config.hidden_act]
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        wide = self.up_proj(hidden_states)
        # The system hands out memory anew for tensors of this size: a second one costs more than the activation itself.
        # Where a gradient or a hook looks at the first, it stays.
        hooks = (self.up_proj._forward_hooks, self.activation._forward_pre_hooks, self.activation._forward_hooks)
        in_place = type(self.activation) is GELUActivation and not wide.requires_grad and not any(hooks)
        return self.down_proj(torch.ops.aten.gelu_(wide) if in_place else self.activation(wide))


class AutoBertZeroLayer(GradientCheckpointingLayer):
    """An attention or a convolution, then the feed-forward block; each with dropout, residual and LayerNorm."""

    def __init__(self, config: AutoBertZeroConfig, layer_idx: int):
        super().__init__()
        layer = parse_layer(config.layers[layer_idx])
        if isinstance(layer, ConvolutionLayer):
            self.convolution = AutoBertZeroConvolution(config, layer)
        else:
            self.attention = AutoBertZeroAttention(config, layer, layer_idx)
        self.is_attention_layer = isinstance(layer, AttentionLayer)
        self.mixer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = AutoBertZeroMLP(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        token_mask: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> Tensor:
        if self.is_attention_layer:
            mixed, _ = self.attention(hidden_states, attention_mask, token_mask, **kwargs)
        else:
            mixed = self.convolution(hidden_states, token_mask)
        hidden_states = self.mixer_norm(hidden_states + self.dropout(mixed))
        return self.mlp_norm(hidden_states + self.dropout(self.mlp(hidden_states)))


class AutoBertZeroPooler(nn.Module):
    """The first token, or the mean over real tokens, through a linear layer and tanh: (B, N, C) -> (B, C)."""

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        self.mean = config.classifier_pooling == "mean"
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: Tensor, token_mask: Tensor | None = None) -> Tensor:
        if not self.mean:
            pooled = hidden_states[:, 0]
        elif token_mask is None:
            pooled = hidden_states.mean(1)
        else:
            weights = token_mask[:, :, None].to(hidden_states.dtype)
            pooled = (hidden_states * weights).sum(1) / weights.sum(1).clamp_min(1)
        return torch.tanh(self.dense(pooled))


class AutoBertZeroPredictionHead(nn.Module):
    """BERT's transformation of hidden states before they are decoded to words: (..., C) -> (..., C)."""

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACT2FN[config.hidden_act]
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.norm(self.activation(self.dense(hidden_states)))


@auto_docstring
class AutoBertZeroPreTrainedModel(PreTrainedModel):
    config: AutoBertZeroConfig
    base_model_prefix = "autobert_zero"
    supports_gradient_checkpointing = True
    _no_split_modules = ["AutoBertZeroEmbeddings", "AutoBertZeroLayer"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": AutoBertZeroLayer, "attentions": AutoBertZeroAttention}

    def get_correct_attn_implementation(self, requested_attention: str | None, is_init_check: bool = False) -> str:
        applicable = super().get_correct_attn_implementation(requested_attention, is_init_check)
        # A kernel that was asked for by name is wanted for its memory: where it cannot be had, that is said.
        if applicable not in ("eager", "sdpa"):
            for number, text in enumerate(self.config.layers, start=1):
                layer = parse_layer(text)
                if isinstance(layer, AttentionLayer) and layer.plan.kinds == ("dense",):
                    raise ValueError(
                        f'attn_implementation="{applicable}" is of no use to layer {number}, {text}: it makes a matrix '
                        f"of tokens x tokens that no kernel computes. With "
                        f'attn_implementation="sdpa" each layer takes the fastest way that it has'
                    )
        return applicable

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, AutoBertZeroConvolution):
            init.normal_(module.kernels, mean=0.0, std=self.config.initializer_range)


@auto_docstring
class AutoBertZeroModel(AutoBertZeroPreTrainedModel):
    def __init__(self, config: AutoBertZeroConfig, add_pooling_layer: bool = True):
        r"""
        add_pooling_layer (`bool`, *optional*, defaults to `True`):
            Whether to add a pooling layer.
        """
        super().__init__(config)
        self.embeddings = AutoBertZeroEmbeddings(config)
        self.layers = nn.ModuleList([AutoBertZeroLayer(config, i) for i in range(len(config.layers))])
        self.pooler = AutoBertZeroPooler(config) if add_pooling_layer else None
        layers = [parse_layer(text) for text in config.layers]
        self.has_fused_attention = any(
            isinstance(each, AttentionLayer) and "flash" in each.plan.kinds for each in layers
        )
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.embeddings.word_embeddings = value

    @merge_with_config_defaults
    @capture_outputs
    @auto_docstring
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPooling:
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        if attention_mask is not None and attention_mask.dim() != 2:
            raise ValueError(f"attention_mask must have shape (batch, tokens), not {tuple(attention_mask.shape)}")
        hidden_states = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds)
        token_mask = None if attention_mask is None else attention_mask.to(hidden_states.device, torch.bool)
        # For the fused attentions, in the form that their implementation wants; the rest needs the tokens' mask only.
        kernel_mask = None
        if self.has_fused_attention and self.config._attn_implementation != "eager":
            kernel_mask = create_bidirectional_mask(self.config, hidden_states, attention_mask)
        for layer in self.layers:
            hidden_states = layer(hidden_states, kernel_mask, token_mask, **kwargs)
        return BaseModelOutputWithPooling(
            last_hidden_state=hidden_states,
            pooler_output=None if self.pooler is None else self.pooler(hidden_states, token_mask),
        )


@auto_docstring
class AutoBertZeroForMaskedLM(AutoBertZeroPreTrainedModel):
    _tied_weights_keys = {"decoder.weight": "autobert_zero.embeddings.word_embeddings.weight"}

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.autobert_zero = AutoBertZeroModel(config, add_pooling_layer=False)
        self.head = AutoBertZeroPredictionHead(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        return self.decoder

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        self.decoder = new_embeddings

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
    ) -> MaskedLMOutput:
        r"""
        labels (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*):
            The words to be predicted; -100 where none is. With `config.sparse_prediction` only these places are
            decoded, and the logits have shape `(number of labels, vocab_size)`.
        """
        outputs = self.autobert_zero(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **kwargs)
        hidden_states = outputs.last_hidden_state
        if self.config.sparse_prediction and labels is not None:
            # (B, N, C) -> (labels, C)
            hidden_states, labels = hidden_states[labels != -100], labels[labels != -100]
        logits = self.decoder(self.head(hidden_states))
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size, **kwargs)
        return MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


@auto_docstring(custom_intro="An AutoBERT-Zero model with a linear layer on the pooled output, for classification.")
class AutoBertZeroForSequenceClassification(AutoBertZeroPreTrainedModel):
    # The loss of a batch is a mean over its rows: gradient accumulation must not divide by the number of items.
    accepts_loss_kwargs = False

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.autobert_zero = AutoBertZeroModel(config)
        dropout = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(config.hidden_size, self.num_labels)  # type: ignore[arg-type]  # never None
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
        outputs = self.autobert_zero(input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **kwargs)
        # (B, C) -> (B, labels)
        logits = self.classifier(self.dropout(outputs.pooler_output))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config, **kwargs)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, attentions=outputs.attentions
        )


__all__ = [
    "AutoBertZeroForMaskedLM",
    "AutoBertZeroForSequenceClassification",
    "AutoBertZeroModel",
    "AutoBertZeroPreTrainedModel",
]
