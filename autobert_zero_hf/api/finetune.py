"""`finetune` from Python, and what came of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from autobert_zero_hf.calm import calm
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.options import given_options
from autobert_zero_hf.tasks.data_options import TaskDataOptions
from autobert_zero_hf.tasks.kinds import AnyTask
from autobert_zero_hf.tasks.loading import load_asked_task
from autobert_zero_hf.tasks.own_data import task_from_data
from autobert_zero_hf.tasks.span_options import SpanOptions
from autobert_zero_hf.training.finetuning import training
from autobert_zero_hf.training.finetuning.options import FINE_TUNING, FineTuningOptions
from autobert_zero_hf.training.finetuning.training import FineTuningResult, score_in_words

from .keywords import checked, with_options
from .result import FolderResult


class FineTuned(FolderResult):
    """A fine-tuned model, and its score on held-out rows.

    Args:
        found: what the training gave.
        folder: of the model.
    """

    def __init__(self, found: FineTuningResult, folder: str | Path):
        super().__init__(found.facts, "\n".join(_lines(found)), folder)

    @property
    def score(self) -> float:
        """The score on the rows that the best epoch was chosen by."""
        return float(self["score"])

    @property
    def standard_error(self) -> float | None:
        """The standard error of the score, over these rows; None where it is not known."""
        error: float | None = self["standard_error"]
        return error

    @property
    def baseline(self) -> float:
        """The score of a constant answer."""
        return float(self["baseline"])


@with_options(*FINE_TUNING)
@calm()
def finetune(
    model: str | os.PathLike[str],
    task: str | AnyTask | None = None,
    output_dir: str | Path = "runs/finetuned",
    *,
    data: str | Path | Dataset | DatasetDict | None = None,
    **options: Any,
) -> FineTuned:
    """Fine-tune a model on a task, as `autobert-zero finetune` does: the weights of the best epoch are kept.

    Args:
        model: a model's folder or Hub name.
        task: the name of a task, or one that is loaded; of a data set, what it is to be called.
        output_dir: where to write the model.
        data: a data set: a file, a folder, the name of one of the Hub, or an object; or a folder of tasks.
        options: those of the command, by name.

    Returns:
        The score beside that of a constant answer; its folder is for `from_pretrained`.

    Raises:
        OptionError: if an option is not known, of the wrong type or out of its range.
        AutoBertZeroError: if there is no such model or task, or the training diverged.
    """
    given = checked(options, FINE_TUNING)
    tuning, spans = given_options(FineTuningOptions, given), given_options(SpanOptions, given)
    columns = given_options(TaskDataOptions, given)
    if isinstance(data, Dataset | DatasetDict):
        loaded = task_from_data(data, task if isinstance(task, str) else None, tuning.seed, columns)
    elif task is None or isinstance(task, str):
        loaded = load_asked_task(task, tuning.seed, None if data is None else Path(data), columns)
    else:
        loaded = task
    with own_state():
        return FineTuned(training.finetune(os.fspath(model), loaded, Path(output_dir), tuning, spans), output_dir)


def _lines(result: FineTuningResult) -> Iterator[str]:
    """The trials, where there are several, and the scores of the best one."""
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
