"""`evaluate` from Python, and the table that it fills."""

import os
from collections.abc import Sequence
from contextlib import closing
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.launch.processes import join_launch
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.options import given_options
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.standard_error import plus_minus
from autobert_zero_hf.tasks.data_options import TaskDataOptions
from autobert_zero_hf.tasks.loading import load_asked_tasks
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning.evaluation import Cell, Grid
from autobert_zero_hf.training.finetuning.evaluation_report import as_markdown, as_picture
from autobert_zero_hf.training.finetuning.options import EVALUATION, EvaluationOptions, FineTuningOptions
from autobert_zero_hf.writing import write_json, written_whole

from .keywords import checked, with_options
from .result import FolderResult

if TYPE_CHECKING:
    import pandas


class Evaluation(FolderResult):
    """Models on tasks, with several seeds.

    Args:
        summary: what `evaluation.json` says.
        folder: of the table.
    """

    def __init__(self, summary: dict[str, Any], folder: str | Path):
        super().__init__(summary, as_markdown(summary), folder)

    @property
    def table(self) -> "pandas.DataFrame":
        """A row for each model on each task: scores of all seeds, their mean, its standard error, hyper-parameters."""
        import pandas

        return pandas.DataFrame(self["results"])

    @property
    def means(self) -> "pandas.DataFrame":
        """A row for each model: its mean over the tasks, and the standard error of that; empty with a single task."""
        import pandas

        return pandas.DataFrame(self["means"])

    def _repr_html_(self) -> str:
        return f"<div>{as_picture(self.facts)}<pre>{escape(self.words)}</pre></div>"


@with_options(*EVALUATION)
@calm()
def evaluate(
    models: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    tasks: str | Sequence[str] | None = None,
    output_dir: str | Path = "runs/evaluation",
    *,
    data: str | Path | None = None,
    **options: Any,
) -> Evaluation:
    """Fine-tune each model on each task with several seeds, as `autobert-zero evaluate` does.

    The same call goes on where it was stopped.

    Args:
        models: their folders or Hub names.
        tasks: their names; None or "all" for those of `data`. Without it "all" is GLUE and SQuAD, "glue" GLUE's nine.
        output_dir: where to write the table.
        data: a data set: a file, a folder, or the name of one of the Hub; or a folder of tasks.
        options: those of the command, by name.

    Returns:
        The table.

    Raises:
        OptionError: if an option is not known, of the wrong type or out of its range.
        AutoBertZeroError: if there is no such model or task, or neither tasks nor data are given.
    """
    if tasks is None:
        if data is None:
            raise AutoBertZeroError("no task is given: give tasks by name, or data that has some")
        tasks = "all"
    given, folder = checked(options, EVALUATION), Path(output_dir)
    several = [models] if isinstance(models, str | os.PathLike) else models
    place = None if data is None else Path(data)
    tuning = given_options(FineTuningOptions, given)
    asked = [tasks] if isinstance(tasks, str) else list(tasks)
    loaded = load_asked_tasks(asked, tuning.seed, place, given_options(TaskDataOptions, given))
    seeds = given_options(EvaluationOptions, given).seeds
    with own_state():
        grid = Grid(
            folder, [os.fspath(model) for model in several], loaded, tuning, given_options(SpanOptions, given), seeds
        )
        with closing(grid):
            return Evaluation(_filled(grid, folder), folder)


def _filled(grid: Grid, folder: Path) -> dict[str, Any]:
    """Computes what is missing, and says so."""
    is_main = join_launch().is_main_process
    with Reporter(is_main) as reporter:
        reporter.say(_plan(grid))
        with reporter.phase("Evaluation", len(grid.cells), grid.done, "fine-tunings") as show:

            def after_cell(cell: Cell) -> None:
                if is_main:
                    _write(folder, grid)
                    reporter.say(_line(grid, cell))
                show(grid.done)

            grid.fill(after_cell)
    if is_main:
        _write(folder, grid)
    return grid.summary()


def _plan(grid: Grid) -> str:
    """What is to be done, and what is done already."""
    there = f", {grid.done} of them there already" if grid.done else ""
    return (
        f"Models: {', '.join(grid.models)}; tasks: {', '.join(grid.tasks)}; seeds: {len(grid.seeds)}; "
        f"{len(grid.cells)} fine-tunings{there}"
    )


def _line(grid: Grid, cell: Cell) -> str:
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


def _write(folder: Path, grid: Grid) -> None:
    summary = grid.summary()
    write_json(folder / "evaluation.json", summary)
    for name, text in (("evaluation.md", as_markdown(summary)), ("evaluation.svg", as_picture(summary))):
        with written_whole(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
