"""The card of a pre-trained model, from the facts in its `pretraining.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from transformers import PreTrainedModel

import autobert_zero_hf.model_cards as model_cards
from autobert_zero_hf.markdown import escaped
from autobert_zero_hf.model.card import TAGS, describe_backbone, describe_use
from autobert_zero_hf.places import without_places
from autobert_zero_hf.standard_error import plus_minus


def write_card(model: PreTrainedModel, facts: Mapping[str, Any], path: str) -> str:
    """The text of README.md, from the template in `model_cards`.

    Args:
        model: the model.
        facts: what `pretrain` returns.
        path: what to give to `from_pretrained`.
    """
    told = escaped(without_places(facts))
    card_data = ModelCardData(
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=list(TAGS),
    )
    training = {
        "objective": told["objective"] + (", whole words" if facts["whole_word_masking"] else ""),
        "started from": told["started_from"],
        "teacher": told["teacher"] or "none",
        **({"new vocabulary": told["new_vocabulary"]} if told.get("new_vocabulary") else {}),
        "steps": f"{facts['steps']:,} of {facts['batch_size']} rows of {facts['sequence_length']} tokens",
        "peak learning rate": f"{facts['learning_rate']:.2g}",
        "precision": "float32" if facts["precision"] == "no" else facts["precision"],
        "time": f"{facts['seconds']:.0f} seconds, in {facts['processes']} process(es)",
    }
    scores = [
        (name, plus_minus(facts[key], facts[f"{key}_standard_error"]), f"{facts[f'{key}_baseline']:.4f}")
        for name, key in (
            ("accuracy", "accuracy"),
            ("loss, in nats", "loss"),
            ("next sentence, accuracy", "next_sentence_accuracy"),
        )
        if key in facts
    ]
    card = ModelCard.from_template(
        card_data,
        template_path=str(Path(model_cards.__path__[0]) / "pretrained.md"),
        title=f"An AutoBERT-Zero model, pre-trained on {told['text']}",
        backbone=describe_backbone(model),
        use=describe_use(type(model).__name__, path, origins=model.config.origins),
        training=training,
        masked_words=f"{facts['masked_words']:,}",
        held_out_rows=f"{facts['held_out_rows']:,}",
        scores=scores,
        next_sentence="next_sentence_accuracy" in facts,
    )
    return card.content
