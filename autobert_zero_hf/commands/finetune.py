"""`autobert-zero finetune`: fine-tune a model on a task."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from autobert_zero_hf.options import add_options, option_names
from autobert_zero_hf.training.finetuning import FineTuningOptions, finetune
from autobert_zero_hf.training.tasks import TASKS, load_task

EXAMPLE = """example:
  autobert-zero finetune --model runs/first/best --task bbc_topics --output-dir runs/topics
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser: ArgumentParser = commands.add_parser(
        "finetune",
        help="fine-tune a model on a task",
        description="Fine-tune a model with Trainer, and print its accuracy beside the majority class.",
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--model", required=True, help="a model's folder or Hub name")
    parser.add_argument("--task", required=True, choices=TASKS, help="what to fine-tune on")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the model")
    add_options(parser, FineTuningOptions)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> None:
    """Fine-tune, and print the result."""
    names = option_names([FineTuningOptions])
    options = FineTuningOptions(**{name: value for name, value in vars(arguments).items() if name in names})
    task = load_task(arguments.task, options.seed)
    result = finetune(arguments.model, task, arguments.output_dir, options)
    print(
        f"{task.name}: accuracy {result.accuracy:.4f} ± {result.standard_error:.4f} (standard error) on {result.rows} "
        f"held-out rows; the majority class gives {result.majority:.4f}\nWritten: {arguments.output_dir}"
    )
