"""`autobert-zero finetune`: fine-tune a model on a task."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from autobert_zero_hf.options import add_options, option_names
from autobert_zero_hf.training.finetuning import FineTuningOptions, finetune
from autobert_zero_hf.training.tasks import TASKS, load_task

EXAMPLE = """example:
  autobert-zero finetune --model runs/first/best --task bbc_topics --output-dir runs/topics
  autobert-zero finetune --model runs/first/best --data glue --task stsb --output-dir runs/stsb

With --data, the folder of a task, here glue/stsb, has the files train.jsonl, validation.jsonl and labels.json.
A line of the first two is {"sentence": TEXT, "label": LABEL}, or has "sentence1" and "sentence2". The last is
{"names": [...]}, a label being a place among the names, or, for a regression,
{"names": [], "range": [LOWEST, HIGHEST]}.
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser: ArgumentParser = commands.add_parser(
        "finetune",
        help="fine-tune a model on a task",
        description="Fine-tune a model with Trainer, and print its score beside that of a constant answer.",
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--model", required=True, help="a model's folder or Hub name")
    parser.add_argument(
        "--task", required=True, metavar="NAME", help=f"what to fine-tune on: {', '.join(TASKS)}, or a task of --data"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder with a folder for each task")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the model")
    add_options(parser, FineTuningOptions)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> None:
    """Fine-tune, and print the result."""
    names = option_names([FineTuningOptions])
    options = FineTuningOptions(**{name: value for name, value in vars(arguments).items() if name in names})
    task = load_task(arguments.task, options.seed, arguments.data)
    result = finetune(arguments.model, task, arguments.output_dir, options)
    named = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in result.score.values.items()]
    if len(named) > 1:
        named.append(f"mean {result.score.value:.4f}")
    constant = "the mean of the training rows" if task.is_regression else "the majority class"
    print(
        f"{task.name}: {', '.join(named)} ± {result.score.standard_error:.4f} (standard error) on "
        f"{len(task.validation):,} held-out rows; {constant} gives {result.baseline:.4f}\n"
        f"Written: {arguments.output_dir}"
    )
