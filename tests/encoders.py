"""Small encoders whose weights are large enough to tell one computation from another."""

import torch
from torch import Tensor

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroModel

SIZES = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "head_dim": 6,
    "intermediate_size": 20,
    "vocab_size": 40,
    "max_position_embeddings": 140,
}


def make(layers: list[str], **options: object) -> AutoBertZeroModel:
    """A model of these layers."""
    torch.manual_seed(0)
    model = AutoBertZeroModel(AutoBertZeroConfig(layers=layers, **{**SIZES, **options})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@torch.no_grad()
def encode(model: AutoBertZeroModel, ids: Tensor, **inputs: Tensor) -> Tensor:
    """Its last hidden states."""
    return model(input_ids=ids, **inputs).last_hidden_state


def random_ids(tokens: int) -> Tensor:
    """Two rows of words, none of them padding."""
    return torch.randint(1, SIZES["vocab_size"], (2, tokens), generator=torch.Generator().manual_seed(0))
