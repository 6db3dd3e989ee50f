"""`autobert-zero pretrain`: pre-train a model."""

from argparse import Namespace
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.options import add_options
from autobert_zero_hf.training.pretraining.options import GROUPS, OPTION_NAMES

from .parsers import add_resumed

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


def run(arguments: Namespace) -> Result | None:
    """Pre-train, and print the result."""
    from autobert_zero_hf.api.pretrain import pretrain
    from autobert_zero_hf.launch.processes import join_launch

    given = {name: value for name, value in vars(arguments).items() if name in OPTION_NAMES}
    result = pretrain(arguments.output_dir, **given)
    return result if join_launch().is_main_process else None
