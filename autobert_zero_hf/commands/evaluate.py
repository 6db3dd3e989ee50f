"""`autobert-zero evaluate`: fine-tune models on tasks, with several seeds, and put the scores into one table."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.options import add_options, given_options
from autobert_zero_hf.standard_error import plus_minus
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning.options import EvaluationOptions, FineTuningOptions
from autobert_zero_hf.writing import write_json, written_whole

from .finetune import FILES
from .parsers import add_command
from .result import Result

if TYPE_CHECKING:
    from autobert_zero_hf.training.finetuning.evaluation import Cell, Grid

EXAMPLES = (
    "autobert-zero evaluate --models runs/first --tasks bbc_topics --output-dir runs/table",
    "autobert-zero evaluate --models runs/first/best runs/first/bert --tasks bbc_topics --output-dir runs/evaluation",
    "autobert-zero evaluate --models models/bert --tasks all --learning-rate 2e-5 3e-5 5e-5 --output-dir runs/bert",
    "autobert-zero evaluate --models runs/first/best --data glue --tasks all --seeds 5 --output-dir runs/local",
)
NOTES = f"""The same command goes on where it was stopped: each fine-tuning is a line of cells.jsonl. The table so far
is in evaluation.json, evaluation.md and evaluation.svg.
{FILES}
"""
_GROUPS = (EvaluationOptions, FineTuningOptions, SpanOptions)


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
        required=True,
        nargs="+",
        metavar="NAME",
        help="names as finetune takes them; all: those of --data, or all of GLUE and SQuAD; glue: GLUE's nine",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder with a folder for each task")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write the table")
    for group in _GROUPS:
        add_options(parser, group)
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result | None:
    """Fill the grid."""
    from autobert_zero_hf.launch.processes import join_launch
    from autobert_zero_hf.progress.reporter import Reporter
    from autobert_zero_hf.tasks.loading import load_task, task_names
    from autobert_zero_hf.training.finetuning.evaluation import Grid
    from autobert_zero_hf.training.finetuning.evaluation_report import as_markdown

    seeds = given_options(EvaluationOptions, vars(arguments)).seeds
    options = given_options(FineTuningOptions, vars(arguments))
    spans = given_options(SpanOptions, vars(arguments))
    names = task_names(arguments.tasks, arguments.data)
    tasks = [load_task(name, options.seed, arguments.data) for name in names]
    grid = Grid(arguments.output_dir, arguments.models, tasks, options, spans, seeds)
    is_main = join_launch().is_main_process

    known = grid.done

    def after_cell(cell: "Cell") -> None:
        if is_main:
            _write(arguments.output_dir, grid)
            reporter.say(_line(grid, cell))
        show(grid.done)

    try:
        with Reporter(is_main) as reporter:
            reporter.say(_plan(grid))
            with reporter.phase("Evaluation", len(grid.cells), known, "fine-tunings") as show:
                grid.fill(after_cell)
        if not is_main:
            return None
        _write(arguments.output_dir, grid)
        summary, written = grid.summary(), str(arguments.output_dir)
        return Result({**summary, "written": written}, f"{as_markdown(summary)}\nWritten: {written}")
    finally:
        grid.close()


def _plan(grid: "Grid") -> str:
    """What is to be done, and what is done already."""
    there = f", {grid.done} of them there already" if grid.done else ""
    return (
        f"Models: {', '.join(grid.models)}; tasks: {', '.join(grid.tasks)}; seeds: {len(grid.seeds)}; "
        f"{len(grid.cells)} fine-tunings{there}"
    )


def _line(grid: "Grid", cell: "Cell") -> str:
    result = grid.result(cell)
    assert result is not None
    came = ", ".join(
        f"{name} {plus_minus(facts['score'], facts['standard_error'])}" for name, facts in result["scores"].items()
    )
    rate, batch_size, epochs = cell.trial
    return (
        f"{grid.done}/{len(grid.cells)}  {cell.model}, seed {cell.seed}, learning rate {rate:.2g}, batch {batch_size}, "
        f"{epochs:g} epochs: {came or f'{cell.task} diverged'}"
    )


def _write(folder: Path, grid: "Grid") -> None:
    from autobert_zero_hf.training.finetuning.evaluation_report import as_markdown, as_picture

    summary = grid.summary()
    write_json(folder / "evaluation.json", summary)
    for name, text in (("evaluation.md", as_markdown(summary)), ("evaluation.svg", as_picture(summary))):
        with written_whole(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
