"""Checkpoints of the package autobert 0.0.2 of PyPI (JunnYu, 2021), a port of the discovered base model.

Its layers are convolutions and attentions in turn. What it computes is the same function, up to three things:

- In the layers that convolve it adds the residual of the feed-forward block twice: LayerNorm(2 x + f(x)), which is
  LayerNorm(x + f(x) / 2) with a quarter of the epsilon. The half goes into the weights of f; the epsilon stays.
- Its attention hides the rows of padded tokens, not the columns, so that real tokens see padding. Here they do not:
  the outputs agree for texts without padding.
- Its dropout in training is at other places.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import load_state_dict
from transformers.utils import SAFE_WEIGHTS_NAME, WEIGHTS_NAME, cached_file

from ..errors import AutoBertZeroError
from ..model import AutoBertZeroConfig, AutoBertZeroModel, AutoBertZeroPreTrainedModel
from ..model.architectures import AUTOBERT_ZERO
from .family import Family, register
from .heads import HEADS
from .loading import load, shared_fields
from .renaming import PREDICTIONS, rename

RULES = (
    ("autobert.", "autobert_zero."),
    ("embeddings.LayerNorm", "embeddings.norm"),
    ("layer.", "layers."),
    ("Linear1", "convolution.in_proj"),
    ("conv.weight", "convolution.kernels"),
    ("Linear2", "convolution.out_proj"),
    ("layer_norms.0", "mixer_norm"),
    ("layer_norms.1", "mlp_norm"),
    ("fc1", "mlp.up_proj"),
    ("fc2", "mlp.down_proj"),
    ("self_attention.query", "attention.q_proj"),
    ("self_attention.key", "attention.k_proj"),
    ("self_attention.value", "attention.v_proj"),
    ("self_output.dense", "attention.o_proj"),
    ("self_output.LayerNorm", "mixer_norm"),
    ("intermediate.dense", "mlp.up_proj"),
    ("intermediate_output.dense", "mlp.down_proj"),
    ("intermediate_output.LayerNorm", "mlp_norm"),
    # The pooler stands beside the base model there, and inside it here.
    ("pooler.", "autobert_zero.pooler."),
    *PREDICTIONS,
)
OPEN = 100.0  # sigmoid(100) is 1, to the last bit


@register
class PyPIAutobert(Family):
    """The package autobert, whose classes transformers does not have; its checkpoints are files."""

    model_type, title = "autobert", "PyPI's autobert"
    heads = tuple(HEADS)

    def head_of(self, class_name: str) -> str:
        """The head in the name of one of its classes.

        >>> [PyPIAutobert().head_of(f"AutoBertModel{head}") for head in ("", "ForMaskedLM")]
        ['Model', 'ForMaskedLM']
        """
        return re.sub(r"^AutoBert(Model(?=For))?", "", class_name)

    def load(
        self, source: str, head: str, config: Mapping[str, Any], **load_options: Any
    ) -> AutoBertZeroPreTrainedModel:
        """Open model.safetensors or pytorch_model.bin; "Model" gets a pooler where the checkpoint has one."""
        layers = _layers(source, config)
        fields = shared_fields(config) | {"layers": layers, "num_hidden_layers": len(layers)}
        fields["kernel_softmax"] = config.get("weight_softmax", False)
        ours, options = AutoBertZeroConfig.from_dict(fields, return_unused_kwargs=True, **load_options)
        weights = _convert(_read(source, **load_options), config.get("use_glu", True))
        if HEADS[head] is AutoBertZeroModel:
            options["add_pooling_layer"] = "autobert_zero.pooler.dense.weight" in weights
        return load(HEADS[head], source, weights, config=ours, **options)[0]


def _layers(source: str, config: Mapping[str, Any]) -> list[str]:
    """The backbone: pairs of a convolution, whose kernel is free, and the attention of that depth."""
    kernels = config.get("kernel_size_list", [65, 9, 3, 7, 7, 3])
    attentions = AUTOBERT_ZERO[1::2]
    wanted = config.get("num_hidden_layers", 12) // 2
    if wanted > min(len(kernels), len(attentions)):
        raise AutoBertZeroError(
            f"{source} has {wanted} pairs of layers and {len(kernels)} kernel sizes, which makes no model of autobert: "
            f"it has {len(attentions)} pairs at most, with a kernel size each; mend its config.json"
        )
    return [layer for pair in range(wanted) for layer in (f"conv({kernels[pair]})", attentions[pair])]


def _read(source: str, **load_options: Any) -> dict[str, Tensor]:
    for file in (SAFE_WEIGHTS_NAME, WEIGHTS_NAME):
        path = cached_file(source, file, _raise_exceptions_for_missing_entries=False, **load_options)
        if path is not None:
            return load_state_dict(path)
    raise AutoBertZeroError(
        f"{source} has neither {SAFE_WEIGHTS_NAME} nor {WEIGHTS_NAME}: give a checkpoint of one file"
    )


def _convert(weights: Mapping[str, Tensor], gated: bool) -> dict[str, Tensor]:
    """Its weights as ours, by our names."""
    converted = {}
    for name, weight in weights.items():
        if name.endswith("position_ids"):
            continue
        if ".fc2." in name:  # of the layers that convolve, which add the residual twice
            weight = weight / 2
        elif name.endswith(".conv.weight"):
            weight = weight.squeeze(1)  # (H, 1, K) -> (H, K)
        elif ".Linear1." in name and not gated:  # a gate that is always open
            gate = torch.full_like(weight, OPEN) if name.endswith("bias") else torch.zeros_like(weight)
            weight = torch.cat([weight, gate])
        converted[name] = weight
    return rename(converted, RULES)
