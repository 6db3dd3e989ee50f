"""transformers' Trainer with a card that says what the model is, where Trainer's own asks for more information."""

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from transformers import Trainer

from ..model import AutoBertZeroPreTrainedModel
from ..model.card import CITATION, describe_backbone, describe_use, pipeline_tag

_BLANK = "More information needed"
_LIMITS = """The results above are those of the rows that were measured, and say little about other text: measure it on
yours. The model has learnt what its text says, with its mistakes and prejudices: do not let it decide about people."""
_DATA = "What is not named above is not recorded: ask the model's owner what it was trained on."


class DescribingTrainer(Trainer):
    """A Trainer that puts the formulas of the layers, and how to load the model, into the card of its page.

    transformers gives a model no say in the card that Trainer writes, with `push_to_hub=True` or
    `Trainer.push_to_hub()`, and leaves blanks in it. All else is Trainer's; a model of another package keeps its card.

    Examples:

    ```python
    >>> from transformers import TrainingArguments
    >>> from autobert_zero_hf.training.describing_trainer import DescribingTrainer

    >>> arguments = TrainingArguments("out", push_to_hub=True)  # doctest: +SKIP
    >>> trainer = DescribingTrainer(model, arguments, train_dataset=rows)  # doctest: +SKIP

    ```"""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Writes the card as Trainer does, with the blanks filled."""
        super().create_model_card(*args, **kwargs)
        model = self.accelerator.unwrap_model(self.model)
        if self.is_world_process_zero() and isinstance(model, AutoBertZeroPreTrainedModel):
            folder = str(self.args.output_dir)
            path = Path(folder, "README.md")
            place = self.hub_model_id or folder
            path.write_text(_described(path.read_text(encoding="utf-8"), model, place), encoding="utf-8")


def _described(text: str, model: AutoBertZeroPreTrainedModel, place: str) -> str:
    class_name = type(model).__name__
    with_code = getattr(model.config, "auto_map", None) is not None
    use = describe_use(class_name, place, with_code=with_code, origins=model.config.origins)
    # Trainer says so of every model that does not come from the Hub.
    text = text.replace("This model was trained from scratch on ", "This model was trained on ")
    for title, content in {
        "Model description": describe_backbone(model),
        "Intended uses & limitations": f"{use}\n\n{_LIMITS}",
        "Training and evaluation data": _DATA,
    }.items():
        text = text.replace(f"## {title}\n\n{_BLANK}\n", f"## {title}\n\n{content}\n")
    card = ModelCard(f"{text.rstrip()}\n\n## Citation\n\n{CITATION}\n")
    card.data["pipeline_tag"] = pipeline_tag(class_name)
    return str(card)
