"""What is said while a model is fine-tuned: the step, and the score of each epoch."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from autobert_zero_hf.progress.reporter import Phase, Reporter


class Progress(TrainerCallback):
    """Shows a training of Trainer as a phase, in a `with` block around it.

    Args:
        reporter: shows it.
        name: of the phase.
        last: the score of the last epoch, in words.
        best: that of the best one so far.
    """

    def __init__(self, reporter: Reporter, name: str, last: Callable[[], str], best: Callable[[], str]):
        self._reporter = reporter
        self._name = name
        self._last = last
        self._best = best
        self._stack = ExitStack()
        self._show: Phase | None = None
        self._note, self._done = "", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._show is not None:
            self._show(self._done, f"{self._done:,} steps, {self._best()}")
        self._stack.__exit__(kind, error, trace)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The phase begins, now that it is known how many steps there are."""
        self._show = self._stack.enter_context(self._reporter.phase(self._name, state.max_steps, unit=""))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A step is done."""
        self._done = state.global_step
        if self._show is not None:
            self._show(self._done, self._note)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """An epoch is scored."""
        self._note = self._last()
        self._reporter.say(f"  epoch {state.epoch or 0:.3g} of {args.num_train_epochs:g}: {self._note}")
