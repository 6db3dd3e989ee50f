"""What is said while a model is pre-trained, and what ends it."""

import math
import time
from contextlib import ExitStack
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.progress.reporter import Reporter

from .folder import PreTrainingFolder

TRAINING = "Pre-training"
"""The name of the phase."""


def diverged(step: int) -> AutoBertZeroError:
    """The error of a training whose loss, or whose model's scores, are not finite at a step."""
    return AutoBertZeroError(
        f"the training diverged by step {step:,}, no model is written: give a lower --learning-rate, and another "
        "--output-dir"
    )


class Progress(TrainerCallback):
    """Shows and times the training, ends one that diverges, and marks checkpoints as whole; in a `with` block.

    Args:
        folder: where the checkpoints are.
        reporter: shows the steps.
    """

    def __init__(self, folder: PreTrainingFolder, reporter: Reporter):
        self.folder = folder
        self._reporter = reporter
        self._stack = ExitStack()
        self._note = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The clock goes on where it was."""
        self.began = time.monotonic() - next((entry["seconds"] for entry in reversed(state.log_history)), 0.0)
        if state.global_step:
            self._reporter.say(f"Resuming at step {state.global_step:,} of {state.max_steps:,}.")
        self._show = self._stack.enter_context(self._reporter.phase(TRAINING, state.max_steps, state.global_step))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Shows the step, and logs what is saved after it."""
        self._show(state.global_step, self._note)
        # Nothing is kept whose loss was not looked at, and the mean begins anew, as it does when resumed.
        control.should_log |= control.should_save

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the mean loss since it was looked at last."""
        entry = state.log_history[-1]
        entry["seconds"] = time.monotonic() - self.began
        if "loss" not in entry:
            return
        if not math.isfinite(entry["loss"]):
            raise diverged(state.global_step)
        self._note = f"loss {entry['loss']:.4f}"

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After Trainer has written a checkpoint."""
        args.distributed_state.wait_for_everyone()
        if state.is_world_process_zero:
            self.folder.mark_whole(state.global_step)
