"""What both ways to shrink do in the end: fine-tune what was found on tasks, and write the table."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.tasks.kinds import AnyTask
from autobert_zero_hf.tasks.loading import load_asked_tasks
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning.evaluation import Grid
from autobert_zero_hf.training.finetuning.options import FineTuningOptions
from autobert_zero_hf.writing import write_json, written_whole

from ..recipe.shrink_options import ShrinkOptions
from ..runtime.run_folder import RunFolder

Precision = Literal["no", "bf16"]


def load_evaluation_tasks(options: ShrinkOptions, seed: int) -> list[AnyTask]:
    """The tasks that models are to be fine-tuned on.

    Args:
        options: which ones; none of them, none.
        seed: of their splits.

    Raises:
        AutoBertZeroError: if one is not there, or cannot be read.
    """
    data = None if options.data is None else Path(options.data)
    return load_asked_tasks(options.evaluate_on, seed, data) if options.evaluate_on else []


def fine_tuned(
    models: Sequence[str],
    tasks: Sequence[AnyTask],
    options: ShrinkOptions,
    seed: int,
    precision: Precision,
    folder: RunFolder,
    reporter: Reporter,
) -> dict[str, Any]:
    """Fine-tune models on tasks, and give the summary of all; what was done before is not done again.

    Args:
        models: folders or Hub names.
        tasks: of `load_evaluation_tasks`.
        options: the rows, the epochs and the number of seeds.
        seed: the first one.
        precision: of the training.
        folder: of the run.
        reporter: says how far it is.
    """
    tuning = FineTuningOptions(
        epochs=[options.evaluate_epochs], train_rows=options.evaluate_rows, seed=seed, mixed_precision=precision
    )
    with closing(Grid(folder.evaluation, models, tasks, tuning, SpanOptions(), options.evaluate_seeds)) as grid:
        with reporter.phase("Fine-tuning", len(grid.cells), grid.done, "fine-tunings") as show:
            grid.fill(lambda _: show(grid.done))
        return grid.summary()


def write_table(folder: RunFolder, facts: Mapping[str, Any], markdown: str, picture: str) -> None:
    """Write the table of a shrink: as plain data, in Markdown, and as a picture, SVG."""
    table = folder.shrink_table
    write_json(table, facts)
    for ending, text in ((".md", markdown), (".svg", picture)):
        with written_whole(table.with_suffix(ending)) as partial:
            partial.write_text(text, encoding="utf-8")
