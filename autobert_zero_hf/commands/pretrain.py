"""`autobert-zero pretrain`: pre-train a model."""

from argparse import Namespace
from typing import Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.options import add_options
from autobert_zero_hf.standard_error import plus_minus
from autobert_zero_hf.training.pretraining.options import GROUPS, OPTION_NAMES, PreTrainingOptions

from .parsers import add_resumed
from .result import Result

EXAMPLES = (
    "autobert-zero pretrain --output-dir runs/pretrained --text my.txt more.txt",
    "autobert-zero pretrain --output-dir runs/longer --model runs/first/best --epochs 10",
    "autobert-zero pretrain --output-dir runs/bert --layers conv(9) conv(9) --next-sentence --whole-word-masking",
    "autobert-zero pretrain --output-dir runs/student --teacher models/teacher --soft-label-weight 0.5",
    "autobert-zero pretrain --output-dir runs/wiki --dataset wikipedia --streaming --max-steps 100000",
    "accelerate launch --quiet --num_processes 2 --cpu -m autobert_zero_hf pretrain --output-dir runs/two",
)
NOTES = """Stopped, however it was, the same command goes on from the last checkpoint.
"""


def add_parser(commands: Any) -> None:
    """Add this command, with an option for each field of the groups."""
    parser = add_resumed(
        commands,
        "pretrain",
        summary="pre-train a model",
        description="Pre-train a model with Trainer: from scratch or on from a model; with a teacher or without.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    for group in GROUPS:
        add_options(parser, group)
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result | None:
    """Pre-train, and print the result."""
    options = PreTrainingOptions(**{name: value for name, value in vars(arguments).items() if name in OPTION_NAMES})

    from autobert_zero_hf.launch.processes import join_launch
    from autobert_zero_hf.training.pretraining.training import pretrain

    facts = pretrain(arguments.output_dir, options)
    if not join_launch().is_main_process:
        return None
    written = str(arguments.output_dir)
    return Result({**facts, "written": written}, f"{_summary(facts)}\nWritten: {written}")


def _summary(facts: dict[str, Any]) -> str:
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
