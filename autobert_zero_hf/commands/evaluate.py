"""`autobert-zero evaluate`: fine-tune models on tasks, with several seeds, and put the scores into one table."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.options import add_options, option_names
from autobert_zero_hf.training.finetuning.options import EVALUATION

from .finetune import FILES
from .parsers import add_command

EXAMPLES = (
    "autobert-zero evaluate --models runs/first --tasks bbc_topics --output-dir runs/table",
    "autobert-zero evaluate --models runs/first/best runs/first/bert --tasks bbc_topics --output-dir runs/evaluation",
    "autobert-zero evaluate --models models/bert --tasks all --learning-rate 2e-5 3e-5 5e-5 --output-dir runs/bert",
    "autobert-zero evaluate --models runs/first/best --data glue --tasks all --seeds 5 --output-dir runs/local",
    "autobert-zero evaluate --models models/bert --data reviews.csv --output-dir runs/reviews",
)
NOTES = f"""The same command goes on where it was stopped: each fine-tuning is a line of cells.jsonl. The table so far
is in evaluation.json, evaluation.md and evaluation.svg.
{FILES}
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "evaluate",
        summary="compare models on tasks",
        description="Fine-tune each model on each task with several seeds, and write one table: the mean and its "
        "standard error beside the score of a constant answer.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument("--models", required=True, nargs="+", metavar="MODEL", help="folders or Hub names")
    parser.add_argument(
        "--tasks",
        nargs="+",
        metavar="NAME",
        help="names as finetune takes them; left out, those of --data; without --data, all is GLUE and SQuAD, and glue "
        "GLUE's nine",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DATA", help="a data set, a file or folder or the Hub's; or a folder of tasks"
    )
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the table")
    for group in EVALUATION:
        add_options(parser, group)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Fill the grid."""
    from autobert_zero_hf.api.evaluate import evaluate
    from autobert_zero_hf.launch.processes import join_launch

    given = {name: value for name, value in vars(arguments).items() if name in option_names(EVALUATION)}
    result = evaluate(arguments.models, arguments.tasks, arguments.output_dir, data=arguments.data, **given)
    return result if join_launch().is_main_process else None
