"""What is said while a model is pre-trained, and what ends it."""

import math
import sys
import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from autobert_zero_hf.errors import AutoBertZeroError

from .folder import PreTrainingFolder


def diverged(step: int) -> AutoBertZeroError:
    """The error of a training whose loss, or whose model's scores, are not finite at a step."""
    return AutoBertZeroError(
        f"the training diverged by step {step:,}, no model is written: give a lower --learning-rate, and another "
        "--output-dir"
    )


class Progress(TrainerCallback):
    """Says and times the training, ends one that diverges, and marks checkpoints as whole.

    Args:
        folder: where the checkpoints are.
    """

    def __init__(self, folder: PreTrainingFolder):
        self.folder = folder

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The clock goes on where it was."""
        self.began = time.monotonic() - next((entry["seconds"] for entry in reversed(state.log_history)), 0.0)
        if state.global_step and state.is_world_process_zero:
            print(f"Resuming at step {state.global_step:,} of {state.max_steps:,}.", file=sys.stderr)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Logs what is saved after a step."""
        # Nothing is kept whose loss was not looked at, and the mean begins anew, as it does when resumed.
        control.should_log |= control.should_save

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the mean loss since the last line."""
        entry = state.log_history[-1]
        entry["seconds"] = time.monotonic() - self.began
        if "loss" not in entry:
            return
        if not math.isfinite(entry["loss"]):
            raise diverged(state.global_step)
        if state.is_world_process_zero:
            print(
                f"step {state.global_step:>6,} of {state.max_steps:,}: loss {entry['loss']:.4f}, "
                f"learning rate {entry['learning_rate']:.2e}, {entry['seconds']:.0f} s",
                file=sys.stderr,
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After Trainer has written a checkpoint."""
        args.distributed_state.wait_for_everyone()
        if state.is_world_process_zero:
            self.folder.mark_whole(state.global_step)
