"""A training ends where the folder that it writes its checkpoints to is no longer its own."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..claims import check_claims


class ClaimCallback(TrainerCallback):
    """Looks after each step, and so before a checkpoint is written: Trainer would write it to whoever is there now.

    Args:
        folder: where the checkpoints are.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """See that the folder was not taken away.

        Raises:
            ReplacedError: if it was.
        """
        check_claims(self.folder)
