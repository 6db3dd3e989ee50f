"""The card of a model that a search wrote."""

from pathlib import Path

import autobert_zero_hf.model_cards as model_cards
from huggingface_hub import ModelCard, ModelCardData
from transformers import PreTrainedModel

from autobert_zero_hf.training.masked_lm import MaskedScore


def write_card(model: PreTrainedModel, title: str, summary: str, training: str, score: MaskedScore, path: str) -> str:
    """The text of README.md, from the template in `model_cards`."""
    card_data = ModelCardData(
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["autobert-zero", "nas", "neural-architecture-search"],
    )
    card = ModelCard.from_template(
        card_data,
        template_path=str(Path(model_cards.__path__[0]) / "template.md"),
        title=title,
        summary=summary,
        training=training,
        path=path,
        layers=model.config.layers,
        num_layers=model.config.num_hidden_layers,
        hidden_size=model.config.hidden_size,
        parameters=f"{model.num_parameters():,}",
        accuracy=f"{score.value:.4f}",
        standard_error=f"{score.standard_error:.4f}",
        masked=f"{sum(score.masked):,}",
        rows=f"{len(score.masked):,}",
    )
    return card.content
