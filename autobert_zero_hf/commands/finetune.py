"""`autobert-zero finetune`: fine-tune a model on a task."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.options import add_options, option_names
from autobert_zero_hf.tasks.known import TASKS
from autobert_zero_hf.training.finetuning.options import FINE_TUNING

from .parsers import add_command

FILES = """
--data takes a file .csv, .tsv, .json, .jsonl or .parquet, a folder of them by the names of splits (train.csv), a
folder of save_to_disk, or the name of a data set of the Hub. The labels tell what is asked for: texts and whole numbers
are classes, numbers with fractions a regression, lists several labels of a text, lists beside lists of words tags.
SQuAD's columns are questions. Without a split "validation" a tenth of the rows is held out.

--data takes a folder of tasks, too, and --task their names. The folder of one, here glue/stsb, has train.jsonl,
validation.jsonl and labels.json. A line of the first two is {"sentence": TEXT, "label": LABEL}, or has a pair by GLUE's
names, such as "sentence1" and "sentence2". The last is {"names": [...]}, a label being a place among the names, or, for
a regression, {"names": [], "range": [LOWEST, HIGHEST]}. Lines of SQuAD's columns, "id", "context", "question" and
"answers", need no labels.json.
"""

EXAMPLES = (
    "autobert-zero finetune --model runs/first/best --task bbc_topics --output-dir runs/topics",
    "autobert-zero finetune --model models/bert --task squad_v2 --output-dir runs/squad",
    "autobert-zero finetune --model models/bert --task rte --learning-rate 2e-5 3e-5 5e-5 --output-dir runs/rte",
    "autobert-zero finetune --model models/bert --data reviews.csv --output-dir runs/reviews",
    "autobert-zero finetune --model models/bert --data news.parquet --text-column body --output-dir runs/news",
    "autobert-zero finetune --model runs/first/best --data glue --task stsb --output-dir runs/stsb",
)


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "finetune",
        summary="fine-tune a model on a task",
        description="Fine-tune a model with Trainer, and print its score beside that of a constant answer. The weights "
        "of the best epoch are kept, and of several hyper-parameters those of the best, both by the validation rows.",
        examples=EXAMPLES,
        notes=FILES,
    )
    parser.add_argument("--model", required=True, help="a model's folder or Hub name")
    parser.add_argument(
        "--task",
        metavar="NAME",
        help=f"what to fine-tune on: {', '.join(TASKS)}, or a task of --data; or a name for it",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DATA", help="a data set, a file or folder or the Hub's; or a folder of tasks"
    )
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the model")
    for group in FINE_TUNING:
        add_options(parser, group)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Fine-tune."""
    from autobert_zero_hf.api.finetune import finetune
    from autobert_zero_hf.launch.processes import join_launch

    given = {name: value for name, value in vars(arguments).items() if name in option_names(FINE_TUNING)}
    result = finetune(arguments.model, arguments.task, arguments.output_dir, data=arguments.data, **given)
    return result if join_launch().is_main_process else None
