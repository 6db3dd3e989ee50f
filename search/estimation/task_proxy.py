"""The proxy that the paper searches by: fine-tuning on tasks (arXiv 2107.07445, which takes GLUE)."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.training.task_training import TaskRows, fine_tune, make_classifier, predict
from autobert_zero_hf.training.tasks import Task

from ..recipe_options import TaskOptions
from .proxy import Score


@dataclass
class PreparedTask:
    """A task whose texts are tokens.

    Args:
        task: the task; its validation rows are those that are scored.
        train: its training rows.
        validation: its validation rows.
    """

    task: Task
    train: TaskRows
    validation: TaskRows

    @classmethod
    def of(cls, task: Task, tokenizer: PreTrainedTokenizerBase, length: int, rows: int, seed: int) -> "PreparedTask":
        """Cut to so many validation rows, drawn evenly, if there are more."""
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

    def __call__(self, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]) -> Score:
        """The mean, and its error, if that of each task is known: the tasks' rows are independent of one another."""
        scores = [self._score(each, model, after_step) for each in self.tasks]
        errors = [score.standard_error for score in scores if score.standard_error is not None]
        error = math.sqrt(sum(e**2 for e in errors)) / len(scores) if len(errors) == len(scores) else None
        return Score(sum(score.value for score in scores) / len(scores), error)

    @property
    def score_without_a_model(self) -> float:
        """The mean over the tasks of the score of a constant answer."""
        return sum(each.task.baseline for each in self.tasks) / len(self.tasks)

    def _score(
        self, prepared: PreparedTask, model: AutoBertZeroForMaskedLM, after_step: Callable[[int], None]
    ) -> Score:
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
        )
        score = prepared.task.score(predict(classifier, prepared.validation))
        return Score(score.value, score.standard_error)
