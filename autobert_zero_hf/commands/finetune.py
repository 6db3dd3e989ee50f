"""`autobert-zero finetune`: fine-tune a model on a task."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.options import add_options, given_options
from autobert_zero_hf.tasks.known import TASKS
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning.options import FineTuningOptions

from .parsers import add_command
from .result import Result

if TYPE_CHECKING:
    from autobert_zero_hf.training.finetuning.training import FineTuningResult

FILES = """
With --data, the folder of a task, here glue/stsb, has the files train.jsonl, validation.jsonl and labels.json.
A line of the first two is {"sentence": TEXT, "label": LABEL}, or has a pair by GLUE's names, such as "sentence1" and
"sentence2". The last is {"names": [...]}, a label being a place among the names, or, for a regression,
{"names": [], "range": [LOWEST, HIGHEST]}. Lines of SQuAD's columns, "id", "context", "question" and "answers", need no
labels.json.
"""

EXAMPLES = (
    "autobert-zero finetune --model runs/first/best --task bbc_topics --output-dir runs/topics",
    "autobert-zero finetune --model models/bert --task squad_v2 --output-dir runs/squad",
    "autobert-zero finetune --model models/bert --task rte --learning-rate 2e-5 3e-5 5e-5 --output-dir runs/rte",
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
        "--task", required=True, metavar="NAME", help=f"what to fine-tune on: {', '.join(TASKS)}, or a task of --data"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder with a folder for each task")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the model")
    for group in (FineTuningOptions, SpanOptions):
        add_options(parser, group)
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result | None:
    """Fine-tune."""
    from autobert_zero_hf.launch.processes import join_launch
    from autobert_zero_hf.tasks.loading import load_task
    from autobert_zero_hf.training.finetuning.training import finetune

    options = given_options(FineTuningOptions, vars(arguments))
    spans = given_options(SpanOptions, vars(arguments))
    task = load_task(arguments.task, options.seed, arguments.data)
    result = finetune(arguments.model, task, arguments.output_dir, options, spans)
    if not join_launch().is_main_process:
        return None
    written = str(arguments.output_dir)
    return Result({**result.facts, "written": written}, "\n".join([*_lines(result), f"Written: {written}"]))


def _lines(result: "FineTuningResult") -> Iterator[str]:
    """The trials, where there are several, and the scores of the best one."""
    from autobert_zero_hf.training.finetuning.training import score_in_words

    if len(result.trials) > 1:
        for each in result.trials:
            rate, batch_size, epochs = each.trial
            came = f"{each.value:.4f}" if each.scores else "diverged"
            yield f"learning rate {rate:.2g}, batch {batch_size}, {epochs:g} epochs: {came}"
    for rows in result.tuning.encoded.scored:
        score = result.best.scores[rows.name]
        yield (
            f"{rows.name}: {score_in_words(score)} (standard error) on {rows.count:,} held-out rows; "
            f"{result.tuning.task.constant_answer} gives {rows.baseline:.4f}"
        )
