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
"""AutoBERT-Zero models: a BERT whose layers are what `config.layers` says.

Each layer is a *mixer* (an attention that computes the layer's formula, a lightweight convolution, or another kind) and
then BERT's feed-forward block; both with a residual connection and LayerNorm after it, as in BERT.

Shapes: B batch, N tokens, H heads, D head size, C hidden size, F feed-forward size, V vocabulary.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.activations import ACT2FN, GELUActivation
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, auto_docstring
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .attention import AutoBertZeroAttention, eager_attention_forward
from .block import COUNTED, OF_TABLE, Block, find_block
from .configuration_autobert_zero import AutoBertZeroConfig
from .layers import parse_layer
from .masks import visible
from .mixing import AutoBertZeroMixer, MixerWeights
from .observers import has_hooks, is_observed
from .rotary import Turns, turns_of
from .saving import PortableModel
from .texts import OF_FLATTENED, Bucket, Texts, flattened, is_traced, pairs_in, without_padding


class AutoBertZeroEmbeddings(nn.Module):
    """The sum of word and token type embeddings, and of positions where they are learnt, as in BERT.

    Embeddings of a width of their own, E, come to C through a linear layer, as in ELECTRA.
    """

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        width = config.embedding_width
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        # CODEPATH: converted BERTs and the paper's backbone have a table; what is searched with others has none.
        self.learned = config.positions in OF_TABLE
        if self.learned:
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        # CODEPATH: converted RoBERTas count; converted BERTs and the paper's backbone do not.
        self.counted = config.positions == COUNTED
        # CODEPATH: converted DistilBERTs have no types; converted BERTs and the paper's backbone have two.
        self.types = config.type_vocab_size
        if self.types:
            self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps, bias=find_block(config.block).bias)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        # CODEPATH: converted ELECTRAs are narrower here; converted BERTs and the paper's backbone are not.
        self.projected = config.embedding_size is not None
        if self.projected:
            self.projection = nn.Linear(width, config.hidden_size)
        self.max_positions = config.max_position_embeddings

    def forward(
        self,
        input_ids: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """The embeddings, (B, N, C), and the positions of their tokens, (B or 1, N)."""
        if inputs_embeds is None:
            inputs_embeds = self.word_embeddings(input_ids)
        self.check_length(inputs_embeds.shape[1], position_ids)
        if position_ids is None:
            position_ids = self.positions_of(input_ids)
        if position_ids is None:
            position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device)[None]
        # (B, N, E) + (1 or B, N, E) + (1 or B, N, E)
        embeddings = inputs_embeds
        if self.types:
            token_type_ids = torch.zeros_like(position_ids) if token_type_ids is None else token_type_ids
            embeddings = embeddings + self.token_type_embeddings(token_type_ids)
        if self.learned:
            embeddings = embeddings + self.position_embeddings(position_ids)
        embeddings = self.dropout(self.norm(embeddings))
        return self.projection(embeddings) if self.projected else embeddings, position_ids

    def positions_of(self, input_ids: Tensor | None) -> Tensor | None:
        """The positions of words, where the words decide: those that are no padding are counted from 0 on, (B, N)."""
        padding = self.word_embeddings.padding_idx
        if not self.counted or input_ids is None or padding is None:
            return None
        return ((input_ids != padding).long().cumsum(1) - 1).clamp(min=0)

    def check_length(self, tokens: int, position_ids: Tensor | None) -> None:
        """Refuse more tokens than there are positions.

        Raises:
            ValueError: naming both numbers.
        """
        positions = self.max_positions
        if position_ids is None and self.learned and not torch.compiler.is_compiling() and tokens > positions:
            raise ValueError(
                f"{tokens} tokens are more than this model has positions for, max_position_embeddings={positions}: "
                "give fewer, for example by the tokenizer's truncation=True"
            )


class AutoBertZeroMLP(nn.Module):
    """The feed-forward block: (B, N, C) -> (B, N, F) -> (B, N, C), with gates of as many numbers where it has them."""

    def __init__(self, config: AutoBertZeroConfig, block: Block, width: int):
        super().__init__()
        self.gated = block.gated
        self.up_proj = nn.Linear(config.hidden_size, width, bias=block.bias)
        if block.gated:
            self.gate_proj = nn.Linear(config.hidden_size, width, bias=block.bias)
        self.activation = ACT2FN[config.hidden_act]
        self.down_proj = nn.Linear(width, config.hidden_size, bias=block.bias)

    def forward(self, hidden_states: Tensor) -> Tensor:
        wide = self.up_proj(hidden_states)
        if self.gated:
            return self.down_proj(self.activation(wide) * self.gate_proj(hidden_states))
        # The system hands out memory anew for tensors of this size: a second one costs more than the activation itself.
        # Where a gradient, a hook or a trace looks at the first, it stays.
        seen = wide.requires_grad or is_observed(self.up_proj, self.activation)
        in_place = type(self.activation) is GELUActivation and not seen
        return self.down_proj(torch.ops.aten.gelu_(wide) if in_place else self.activation(wide))


class AutoBertZeroLayer(GradientCheckpointingLayer):
    """A mixer, then the feed-forward block, each where there is one, within what the configuration's block says."""

    def __init__(self, config: AutoBertZeroConfig, layer_idx: int):
        super().__init__()
        layer = parse_layer(config.layers[layer_idx])
        self.config = config
        self.block = find_block(config.block)
        self.mixer_name = "" if layer.mixer.left_out else layer.mixer.module
        if self.mixer_name:
            make = layer.mixer.module_class() or AutoBertZeroMixer
            self.add_module(self.mixer_name, make(config, layer.mixer, layer_idx))
            # CODEPATH: converted ModernBERTs have none in their first layer; all others have one in each.
            self.mixer_norm = _norm(config, self.block) if layer_idx or config.has_first_norm else nn.Identity()
            self.local = layer.mixer.local
        self.has_mlp = bool(inner := layer.inner(config))
        if self.has_mlp:
            self.mlp = AutoBertZeroMLP(config, self.block, inner)
            self.mlp_norm = _norm(config, self.block)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    @property
    def before_activation(self) -> nn.Linear | None:
        """The linear layer whose output the activation of the feed-forward block sees; None without such a block."""
        return self.mlp.up_proj if self.has_mlp else None

    def forward(
        self,
        hidden_states: Tensor,
        kernel_mask: Tensor | None = None,
        mask: Tensor | None = None,
        turns: Turns | None = None,
        texts: Texts | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> Tensor:
        """One layer: (B, N, C) -> (B, N, C), or (1, T, C) of `texts`, whose buckets then have the masks."""
        if self.mixer_name:
            own_turns = None if turns is None else turns[self.local]
            # Here, where transformers looks for the call to see whether the implementation can be set.
            interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
                self.config._attn_implementation, eager_attention_forward
            )

            mixer = getattr(self, self.mixer_name)

            def mix(hidden_states: Tensor) -> Tensor:
                if texts is None or getattr(mixer, "reads_texts", False):
                    own = {} if texts is None else {"texts": texts}
                    seen = {"kernel_mask": kernel_mask, "mask": mask, **own}
                    mixed = mixer(hidden_states, turns=own_turns, interface=interface, **seen, **kwargs)
                else:
                    mixed = texts.each(mix_bucket, hidden_states, *(each.transpose(1, 2) for each in own_turns or ()))
                # With its attention weights, where it has them.
                return self.dropout(mixed[0] if isinstance(mixed, tuple) else mixed)

            def mix_bucket(bucket: Bucket, hidden_states: Tensor, *turns: Tensor) -> Tensor:
                seen = {"kernel_mask": bucket.kernel_mask, "mask": bucket.mask}
                own = tuple(each.transpose(1, 2) for each in turns) or None
                mixed = mixer(hidden_states, turns=own, interface=interface, **seen, **kwargs)
                return mixed[0] if isinstance(mixed, tuple) else mixed

            hidden_states = self.block.sublayer(hidden_states, self.mixer_norm, mix)
        if self.has_mlp:
            hidden_states = self.block.sublayer(hidden_states, self.mlp_norm, lambda x: self.dropout(self.mlp(x)))
        return hidden_states


def _norm(config: AutoBertZeroConfig, block: Block) -> nn.LayerNorm:
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps, bias=block.bias)


class AutoBertZeroPooler(nn.Module):
    """The first token, or the mean over real tokens, through a linear layer and an activation: (B, N, C) -> (B, C).

    Where the heads transform what they see by themselves, there is neither of these.
    """

    def __init__(self, config: AutoBertZeroConfig):
        super().__init__()
        self.pooling = config.classifier_pooling
        # CODEPATH: converted ModernBERTs have none; converted BERTs and the paper's backbone have one.
        self.has_dense = not find_block(config.block).transforms
        if self.has_dense:
            self.dense = nn.Linear(config.hidden_size, config.hidden_size)
            self.activation = ACT2FN[config.pooler_act]

    def forward(self, hidden_states: Tensor, token_mask: Tensor | None = None) -> Tensor:
        pooled = self.pool(hidden_states, token_mask)
        return self.activation(self.dense(pooled)) if self.has_dense else pooled

    def pool(self, hidden_states: Tensor, token_mask: Tensor | None) -> Tensor:
        """A vector of each text: (B, N, C) -> (B, C)."""
        if self.pooling == "cls":
            pooled = hidden_states[:, 0]
        elif self.pooling == "first":
            if token_mask is None:
                return hidden_states[:, 0]
            places = token_mask.expand(hidden_states.shape[:2]).long().argmax(1)
            pooled = hidden_states.gather(1, places[:, None, None].expand(-1, 1, hidden_states.shape[2]))[:, 0]
        elif token_mask is None:
            pooled = hidden_states.mean(1)
        else:
            weights = token_mask[:, :, None].to(hidden_states.dtype)
            pooled = (hidden_states * weights).sum(1) / weights.sum(1).clamp_min(1)
        return pooled


# The second base is the first one's, too: transformers' linter takes a class for a model by it.
@auto_docstring
class AutoBertZeroPreTrainedModel(PortableModel, PreTrainedModel):
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
                if parse_layer(text).mixer.needs_matrix():
                    raise ValueError(
                        f'attn_implementation="{applicable}" is of no use to layer {number}, {text}: it makes a matrix '
                        f"of tokens x tokens that no kernel computes. With "
                        f'attn_implementation="sdpa" each layer takes the fastest way that it has'
                    )
        return applicable

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MixerWeights):
            for parameter in module.parameters(recurse=False):
                init.normal_(parameter, mean=0.0, std=self.config.initializer_range)


_RECORDED = ("output_hidden_states", "output_attentions")


@auto_docstring
class AutoBertZeroModel(AutoBertZeroPreTrainedModel):
    def __init__(self, config: AutoBertZeroConfig, add_pooling_layer: bool = True):
        r"""
        add_pooling_layer (`bool`, *optional*, defaults to `True`):
            Whether to add a pooling layer.
        """
        config.validate_architecture()  # it may have been changed since it was made
        super().__init__(config)
        self.embeddings = AutoBertZeroEmbeddings(config)
        self.layers = nn.ModuleList([AutoBertZeroLayer(config, i) for i in range(len(config.layers))])
        block = find_block(config.block)
        if block.final_norm:
            self.final_norm = _norm(config, block)
        self.has_final_norm = block.final_norm
        self.pooler = AutoBertZeroPooler(config) if add_pooling_layer else None
        mixers = [parse_layer(text).mixer for text in config.layers]
        self.has_fused_attention = any(mixer.fuses for mixer in mixers)
        # The first layer that a pairwise mask means nothing to.
        without_pairs = ((number, mixer) for number, mixer in enumerate(mixers, start=1) if not mixer.takes_pairs)
        self.without_pairs = next(without_pairs, None)
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
        r"""
        attention_mask (`torch.Tensor`, *optional*):
            Of shape `(batch_size, sequence_length)`, 1 for real tokens and 0 for padding. Or a pairwise mask, of shape
            `(batch_size, 1 or num_attention_heads, sequence_length, sequence_length)`: true where the row's token may
            see the column's, or, with floats, 0 there and the lowest value elsewhere; for texts packed in one row, for
            example. Convolutions, too, then see only what they may, in quadratic time; and the mean over real tokens is
            one over those that any token sees.

        Raises:
            ValueError: if both or neither of `input_ids` and `inputs_embeds` are given, if there are more tokens than
                positions, if the mask has another shape or other values, or if it is one of pairs and a layer sums over
                tokens for no token in particular, as `matmul(q, matmul(transpose(k), v))` does.

        Examples:

        ```python
        >>> import torch
        >>> from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel

        >>> config = AutoBertZeroConfig(num_hidden_layers=2, hidden_size=48, num_attention_heads=3)
        >>> model = AutoBertZeroModel(config).eval()
        >>> input_ids = torch.tensor([[101, 7592, 2088, 102], [101, 7592, 102, 0]])
        >>> outputs = model(input_ids, attention_mask=(input_ids != 0).long(), output_hidden_states=True)
        >>> outputs.last_hidden_state.shape
        torch.Size([2, 4, 48])
        >>> len(outputs.hidden_states)
        3

        ```"""
        given = input_ids if inputs_embeds is None else inputs_embeds
        if given is None or (input_ids is not None and inputs_embeds is not None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        if inputs_embeds is not None and inputs_embeds.shape[-1] != self.config.embedding_width:
            raise ValueError(
                f"inputs_embeds of shape {tuple(inputs_embeds.shape)}: the embeddings of this model are "
                f"{self.config.embedding_width} wide"
            )
        batch, tokens = given.shape[:2]
        mask = None
        if attention_mask is not None:
            mask = visible(attention_mask.to(given.device), batch, self.config.num_attention_heads, tokens)
        if is_traced() and (pairs := pairs_in(kwargs, (batch, tokens))) is not None:
            if mask is not None:
                raise ValueError("texts side by side in one row take no attention_mask: leave it out")
            mask = pairs[0].to(given.device)
            position_ids = pairs[1].to(given.device) if position_ids is None else position_ids
            kwargs = {name: value for name, value in kwargs.items() if name not in OF_FLATTENED}
        # The pooler wants the real tokens: those that any token sees.
        real = mask.any(dim=(1, 2)) if mask is not None and mask.dim() == 4 else mask
        texts = self._texts(position_ids, mask, (batch, tokens), given.device, kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name not in OF_FLATTENED}
        if texts is not None:
            mask, kwargs["texts"] = None, texts  # its buckets have masks
            self.embeddings.check_length(texts.longest, position_ids)
            if position_ids is None and not texts.flattened:
                position_ids = self.embeddings.positions_of(input_ids)
            if position_ids is None:
                position_ids = texts.positions()
            input_ids, token_type_ids, position_ids, inputs_embeds = (
                None if each is None else texts.pack(each.expand(batch, tokens, *each.shape[2:]))
                for each in (input_ids, token_type_ids, position_ids, inputs_embeds)
            )
        hidden_states, position_ids = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds)
        kernel_mask = self._kernel_mask(hidden_states, mask)
        for bucket in texts.buckets if texts is not None else ():
            bucket.kernel_mask = self._kernel_mask(hidden_states.new_empty(*bucket.shape, 1), bucket.mask)
        turns = turns_of(self.config, position_ids, hidden_states.dtype)
        for layer in self.layers:
            hidden_states = layer(hidden_states, kernel_mask, mask, turns=turns, **kwargs)
        if self.has_final_norm:
            hidden_states = self.final_norm(hidden_states)
        if texts is not None:
            hidden_states = texts.unpack(hidden_states)
        return BaseModelOutputWithPooling(
            last_hidden_state=hidden_states,
            pooler_output=None if self.pooler is None else self.pooler(hidden_states, real),
        )

    def _kernel_mask(self, hidden_states: Tensor, mask: Tensor | None) -> Any:
        """The mask in the form that the implementation of fused attentions wants; the rest needs `mask` only."""
        if mask is not None and mask.dim() == 4:
            self._check_pairs(mask)
            return mask
        return create_bidirectional_mask(self.config, hidden_states, mask) if self.has_fused_attention else mask

    def _texts(
        self,
        position_ids: Tensor | None,
        mask: Tensor | None,
        shape: tuple[int, int],
        device: torch.device,
        kwargs: Mapping[str, Any],
    ) -> Texts | None:
        """The texts, where they are computed without their padding, or lie side by side; else None.

        A program that is exported or compiled is one for any batch; attention weights and hidden states, and what hooks
        see, are those of whole rows.
        """
        # Under a mask positions are positions alone: it says who sees whom.
        lengths = flattened(position_ids if mask is None else None, kwargs, shape)
        asked = {name: kwargs.get(name, getattr(self.config, name)) for name in _RECORDED}
        if lengths is not None:
            if mask is not None and not bool(mask.all()):
                raise ValueError("texts side by side in one row take no attention_mask: leave it out")
            if asked["output_attentions"]:
                raise ValueError("texts side by side in one row have no attention weights: give each a row of its own")
            return Texts.of_lengths(lengths, bool(asked["output_hidden_states"] or has_hooks(self)), device)
        if mask is None or mask.dim() != 2 or type(mask) is not Tensor or device.type != "cpu" or is_traced():
            return None
        interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        if interface is eager_attention_forward or any(asked.values()) or has_hooks(self):
            return None
        # The first place of a text is looked at, whatever it holds.
        of_first = self.pooler is not None and self.pooler.pooling == "cls"
        if of_first and bool((mask.any(1) & ~mask[:, 0]).any()):
            return None
        return without_padding(mask)

    def _check_pairs(self, mask: Tensor) -> None:
        if self.without_pairs is not None:
            number, mixer = self.without_pairs
            raise mixer.no_pairs(
                f"layer {number} has no meaning under a pairwise attention_mask, shape {tuple(mask.shape)}"
            )


__all__ = ["AutoBertZeroModel", "AutoBertZeroPreTrainedModel"]
