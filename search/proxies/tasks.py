"""The proxy that the paper searches by: fine-tuning on tasks (arXiv 2107.07445, which takes GLUE)."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from autobert_zero_hf.options import Range, option
from autobert_zero_hf.standard_error import mean_error

from .proxy import Score
from .table import ProxyContext, ProxyKind, register

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from autobert_zero_hf.data.masked_rows import MaskedRows
    from autobert_zero_hf.model import AutoBertZeroForMaskedLM
    from autobert_zero_hf.tasks.task import Task
    from autobert_zero_hf.training.replayable.fine_tuning import TaskRows

    from .options import EstimationOptions


@dataclass
class TaskOptions:
    """The tasks of --proxy tasks."""

    tasks: list[str] = option((), "tasks to fine-tune on: bbc_topics, GLUE's of the Hub, or those of --task-data")
    task_data: str | None = option(
        None,
        "a folder with a folder for each task, or a data set, such as a CSV, as a task of the one name given",
        "tasks",
    )
    task_steps: Annotated[int, Range(1)] = option(100, "training steps on each task")
    task_batch_size: Annotated[int, Range(1, 1_000_000)] = option(16, "rows of such a step")
    task_learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "peak learning rate of such a training")
    task_by_length: bool = option(
        False, "whether its batches are of texts of about the same length, which have little padding"
    )


@dataclass
class PreparedTask:
    """A task whose texts are tokens.

    Args:
        task: the task; its validation rows are those that are scored.
        train: its training rows.
        validation: its validation rows.
    """

    task: "Task"
    train: "TaskRows"
    validation: "TaskRows"

    @classmethod
    def of(
        cls, task: "Task", tokenizer: "PreTrainedTokenizerBase", length: int, rows: int, seed: int
    ) -> "PreparedTask":
        """A task that is cut to so many validation rows, drawn evenly, if there are more."""
        from autobert_zero_hf.training.replayable.fine_tuning import TaskRows

        if rows < len(task.validation):
            task = replace(task, validation=task.validation.shuffle(seed=seed).select(range(rows)))
        return cls(task, TaskRows(task.train, tokenizer, length), TaskRows(task.validation, tokenizer, length))


@dataclass
class TaskProxy:
    """The mean over tasks of the score after a short fine-tuning, by the metric that GLUE has for such a task.

    Args:
        tasks: what is fine-tuned on; each begins with the model's weights.
        options: how long, and how.
        seed: of the classifiers' weights and the order of the rows.
        autocast: the precision of the training.
    """

    tasks: Sequence[PreparedTask]
    options: TaskOptions
    seed: int
    autocast: Callable[[], AbstractContextManager]

    def __call__(self, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]) -> Score:
        """The mean, and its error, if that of each task is known: the tasks' rows are independent of one another."""
        scores = [self._score(each, model, after_step) for each in self.tasks]
        error = mean_error([score.standard_error for score in scores])
        return Score(sum(score.value for score in scores) / len(scores), error)

    def score_without_a_model(self, rows: "MaskedRows") -> float:  # noqa: ARG002
        """The mean over the tasks of the score of a constant answer."""
        return sum(each.task.baseline for each in self.tasks) / len(self.tasks)

    def _score(
        self, prepared: PreparedTask, model: "AutoBertZeroForMaskedLM", after_step: Callable[[int], None]
    ) -> Score:
        from autobert_zero_hf.training.replayable.fine_tuning import fine_tune, make_classifier, predict

        classifier = make_classifier(model, prepared.task, self.seed)
        fine_tune(
            classifier,
            prepared.train,
            self.options.task_steps,
            self.options.task_batch_size,
            self.options.task_learning_rate,
            self.seed,
            self.autocast,
            after_step,
            self.options.task_by_length,
        )
        score = prepared.task.score(predict(classifier, prepared.validation))
        return Score(score.value, score.standard_error)


def _load(options: TaskOptions, seed: int) -> "Sequence[Task]":
    from autobert_zero_hf.tasks.loading import load_text_tasks

    data = None if options.task_data is None else Path(options.task_data)
    return load_text_tasks(options.tasks, seed, data) if options.tasks else []


def _make(context: ProxyContext, options: TaskOptions) -> TaskProxy:
    tasks = [
        PreparedTask.of(task, context.tokenizer, context.length, context.rows, context.seed) for task in context.tasks
    ]
    return TaskProxy(tasks, options, context.seed, context.autocast)


def _problems(options: TaskOptions, _: "EstimationOptions") -> Iterable[str]:
    if not options.tasks:
        yield "proxy: tasks needs names of tasks: give --tasks, such as bbc_topics"


register(
    ProxyKind(
        "tasks",
        "mean score after a short fine-tuning on tasks",
        _make,
        TaskOptions,
        constant_answer="the same answer to all rows of a task",
        scores_words=False,
        load=_load,
        problems=_problems,
        steps="task_steps",
    )
)
