"""The module of a mixer that has its weights as attributes, and computes what its row says."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .block import find_block
from .mixers import Mixer
from .texts import Texts
from .weights import Linear, length, shape


class MixerWeights(nn.Module):
    """The weights of a mixer, as attributes of a module.

    Attributes:
        reads_texts: whether its forward pass takes the real tokens of all texts side by side, and `texts`; if not, it
            gets texts of about the same length bucket by bucket.

    Args:
        config: of the model.
        mixer: the row.
        layer_idx: the number of the layer, from 0.
    """

    reads_texts: ClassVar[bool] = False

    def __init__(self, config: Any, mixer: Mixer, layer_idx: int):
        super().__init__()
        self.config = config
        self.mixer = mixer
        self.layer_idx = layer_idx
        for name, weight in mixer.own_weights.items():
            if isinstance(weight, Linear):
                into, out = (length(side, config, mixer.lengths) for side in (weight.into, weight.out))
                self.add_module(name, nn.Linear(into, out, bias=weight.bias and find_block(config.block).bias))
            else:
                self.register_parameter(name, nn.Parameter(torch.empty(shape(weight, config, mixer.lengths))))


class AutoBertZeroMixer(MixerWeights):
    """A mixer that computes what its row says: (B, N, C) -> (B, N, C)."""

    reads_texts = True

    def forward(
        self,
        hidden_states: Tensor,
        kernel_mask: Tensor | None = None,  # noqa: ARG002
        mask: Tensor | None = None,
        texts: Texts | None = None,
        **kwargs: object,  # noqa: ARG002
    ) -> Tensor:
        """What the row computes; `mask` as in `Mixer.mix`, and the same in the form of attention kernels before it.

        With `texts`, `hidden_states` are their real tokens side by side.
        """
        if texts is not None:
            return self.mixer.mix_texts(self, hidden_states, texts)
        return self.mixer.mix(self, hidden_states, mask)


def gated_heads(module: Any, hidden_states: Tensor) -> Tensor:
    """What passes the gates of a module's `in_proj`, head by head: (B, N, C) -> (B, N, H, D)."""
    # (B, N, C) -> (B, N, 2 * H * D) -> (B, N, H * D) -> (B, N, H, D)
    gated = nn.functional.glu(module.in_proj(hidden_states))
    return gated.unflatten(-1, (module.config.num_attention_heads, module.config.head_dim))
