"""`pretrain` from Python, and what came of it."""

from pathlib import Path
from typing import Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.standard_error import plus_minus
from autobert_zero_hf.training.pretraining import training
from autobert_zero_hf.training.pretraining.options import GROUPS, PreTrainingOptions

from .keywords import checked, with_options
from .result import FolderResult


class PreTrained(FolderResult):
    """A pre-trained model, and what it predicts of held-out text.

    Args:
        facts: what `pretraining.json` says.
        folder: of the model.
    """

    def __init__(self, facts: dict[str, Any], folder: str | Path):
        super().__init__(facts, _words(facts), folder)


@with_options(*GROUPS)
@calm()
def pretrain(output_dir: str | Path = "runs/pretrained", **options: Any) -> PreTrained:
    """Pre-train a model, from scratch or on from another, as `autobert-zero pretrain` does.

    The same call goes on where it was stopped.

    Args:
        output_dir: where to write the model.
        options: those of the command, by name.

    Returns:
        What it predicts of held-out text; its folder is for `from_pretrained`.

    Raises:
        OptionError: if an option is not known, of the wrong type or out of its range.
        AutoBertZeroError: if the options do not go together, or there is no such text or model.
    """
    with own_state():
        facts = training.pretrain(Path(output_dir), PreTrainingOptions(**checked(options, GROUPS)))
    return PreTrained(facts, output_dir)


def _words(facts: dict[str, Any]) -> str:
    """What came out, beside what answering without a model gives."""
    lines = [
        f"{facts['parameters']:,} parameters, {facts['steps']:,} steps of {facts['batch_size']} rows of "
        f"{facts['sequence_length']} tokens, {facts['seconds']:.0f} seconds",
        f"On {facts['masked_words']:,} masked words of {facts['held_out_rows']:,} held-out rows (± standard error):",
    ]
    names = {"accuracy": "accuracy", "loss": "loss", "next_sentence_accuracy": "next sentence"}
    lines += [
        f"  {name:<14} {plus_minus(facts[key], facts[f'{key}_standard_error'])}  "
        f"(without a model {facts[f'{key}_baseline']:.4f})"
        for key, name in names.items()
        if key in facts
    ]
    return "\n".join(lines)
