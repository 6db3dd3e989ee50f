"""Attention that computes a formula, on transformers' attention kernels where they serve.

Shapes: B batch, N tokens, H heads, D head size, C hidden size.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs

from .execution import AttentionKernel, Context, interpret, run
from .mixers import Mixer
from .mixing import MixerWeights
from .rotary import rotated
from .texts import Bucket, Texts


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Unpack[TransformersKwargs],  # noqa: ARG001
) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention as it is written, for `get_interface` to fall back on where no kernel is named."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.dropout(scores.softmax(-1), p=dropout, training=module.training)
    # (B, H, N, D) -> (B, N, H, D)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class AutoBertZeroAttention(MixerWeights):
    """An attention that computes a formula over q, k and v; only the projections that the formula uses exist.

    With `attn_implementation="eager"` the formula is run as it is written, and the attention weights are returned;
    otherwise as a plan, whose fused attentions run on that implementation. Under a pairwise mask a plan is of use only
    where nothing but fused attentions sums over tokens.
    """

    o_proj: nn.Linear
    reads_texts = True

    def __init__(self, config: Any, mixer: Mixer, layer_idx: int):
        super().__init__(config, mixer, layer_idx)
        if mixer.typed is None or mixer.plan is None:
            raise ValueError(f"an attention computes a formula, and {mixer} has none")
        self.typed = mixer.typed
        self.plan = mixer.plan
        self.turns = mixer.turns
        self.num_attention_heads = mixer.number_of_heads(config)
        self.head_dim = config.head_dim
        self.attention_dropout = config.attention_probs_dropout_prob
        self.is_causal = False

    def forward(
        self,
        hidden_states: Tensor,
        kernel_mask: Tensor | None = None,
        mask: Tensor | None = None,
        turns: tuple[Tensor, Tensor] | None = None,
        interface: Callable = eager_attention_forward,
        texts: Texts | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[Tensor, Tensor | None]:
        """What the formula computes, and the attention weights where the interface is `eager_attention_forward`.

        Args:
            hidden_states: (B, N, C).
            kernel_mask: the mask in the form that the interface takes.
            mask: as in `Mixer.mix`.
            turns: the angles of its rotary positions, from `angles`, of use where the formula compares q with k; None
                where there are none.
            interface: an attention function of transformers.
            texts: of the tokens, (1, T, C), if these are the real ones of all texts; then there are no masks.
            kwargs: those of the forward pass.
        """
        if mask is not None and mask.dim() == 4 and mask.shape[1] not in (1, self.num_attention_heads):
            raise ValueError(
                f"attention_mask differs from head to head, and layer {self.layer_idx + 1} has "
                f"{self.num_attention_heads} heads of its own: give one of shape (batch or 1, 1, tokens, tokens)"
            )
        batch, tokens = hidden_states.shape[:2]
        # (B, N, C) -> (B, N, H, D) -> (B, H, N, D)
        split = (batch, tokens, self.num_attention_heads, self.head_dim)
        inputs = {
            name: getattr(self, f"{name}_proj")(hidden_states).view(split).transpose(1, 2)
            for name in self.typed.graph.inputs
        }
        if turns is not None and self.turns:
            inputs |= {name: rotated(inputs[name], *turns) for name in ("q", "k") if name in inputs}
        if texts is None:
            output, weights = self.attend(inputs, kernel_mask, mask, interface, **kwargs)
            return self.o_proj(output), weights

        def attend(bucket: Bucket, *tensors: Tensor) -> Tensor:
            # (n, L, H, D) -> (n, H, L, D)
            own = {name: each.transpose(1, 2) for name, each in zip(inputs, tensors, strict=True)}
            return self.attend(own, bucket.kernel_mask, bucket.mask, interface, **kwargs)[0]

        # (1, H, T, D) -> (1, T, H, D)
        return self.o_proj(texts.each(attend, *(each.transpose(1, 2) for each in inputs.values()))), None

    def attend(
        self,
        inputs: Mapping[str, Tensor],
        kernel_mask: Tensor | None,
        mask: Tensor | None,
        interface: Callable,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[Tensor, Tensor | None]:
        """What the formula computes of its inputs, each (B, H, N, D): (B, N, H * D), and the attention weights.

        The other arguments are those of a forward pass.
        """
        batch, _, tokens, _ = next(iter(inputs.values())).shape
        device = next(iter(inputs.values())).device
        kernel_mask, mask = self.masks(tokens, device, kernel_mask, mask, interface)
        dropout = self.attention_dropout if self.training else 0.0
        context = Context(self.head_dim, mask, dropout)
        eager = interface is eager_attention_forward
        if eager or not (mask is None or mask.dim() == 2 or self.plan.keeps_pairs):
            output, weights = interpret(self.typed, inputs, context)
        else:
            if mask is not None and mask.dim() == 4 and interface is not sdpa_attention_forward:
                raise ValueError(
                    f'attn_implementation="{self.config._attn_implementation}" takes no pairwise attention_mask, shape '
                    f'{tuple(mask.shape)}; set it to "sdpa" or "eager"'
                )

            kernel = self.kernel(interface, kernel_mask, mask, dropout, **kwargs)
            output, weights = run(self.plan, inputs, context, kernel), None
        # (B, H, N, D) -> (B, N, H * D)
        return output.transpose(1, 2).reshape(batch, tokens, -1), weights if eager else None

    def masks(
        self,
        tokens: int,  # noqa: ARG002
        device: torch.device,  # noqa: ARG002
        kernel_mask: Tensor | None,
        mask: Tensor | None,
        interface: Callable,  # noqa: ARG002
    ) -> tuple[Tensor | None, Tensor | None]:
        """What is seen: both masks as they were given.

        Args:
            tokens: N.
            device: where the masks are wanted.
            kernel_mask: as in a forward pass, and the others, too.
            mask: the same.
            interface: the same.
        """
        return kernel_mask, mask

    def kernel(
        self,
        interface: Callable,
        kernel_mask: Tensor | None,
        mask: Tensor | None,  # noqa: ARG002
        dropout: float,
        **kwargs: Unpack[TransformersKwargs],
    ) -> AttentionKernel:
        """What a plan's fused attentions run on.

        Args:
            interface: an attention function of transformers.
            kernel_mask: the mask in the form that it takes.
            mask: the same as bool, (B, N) or of pairs.
            dropout: the probability with which a weight is dropped.
            kwargs: those of the forward pass.
        """

        def attention(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
            # Kernels answer in (B, N, H, D).
            return interface(self, query, key, value, kernel_mask, dropout=dropout, scaling=scaling, **kwargs)[
                0
            ].transpose(1, 2)

        return attention
