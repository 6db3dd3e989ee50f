"""The folder of a pre-training: what it was begun with, its checkpoints, and the model that it leaves."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from autobert_zero_hf.claims import Claim, check_claims
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.writing import claimed, written_whole

FACTS = "pretraining.json"
"""What the training was and came to; written last, so that where it stands the model is whole."""
_WHOLE = "whole"


class PreTrainingFolder:
    """An output folder. Trainer writes a checkpoint file by file: one that was cut short is never resumed from.

    Args:
        path: the folder.

    Raises:
        AutoBertZeroError: if it holds another model.
    """

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = path / "checkpoints"
        self._begun = self.checkpoints / "begun.json"
        self._claim: Claim | None = None
        if (path / "config.json").exists() and not (self.facts() or self._begun.exists()):
            raise AutoBertZeroError(f"{path} holds another model, which would be lost: give another --output-dir")

    def facts(self) -> dict[str, Any] | None:
        """The facts of a training that is finished."""
        return _read(self.path / FACTS)

    def begun(self) -> dict[str, Any] | None:
        """What the training that is under way was begun with; without a checkpoint there is none."""
        return _read(self._begun) if self.last_checkpoint() else None

    def claim(self) -> None:
        """Keep other trainings out, until it is released or this process ends, however it does.

        Raises:
            WritingError: if one is at work here.
        """
        self._claim = claimed(self.path, self.checkpoints / ".lock", (FACTS, "model", "checkpoints/begun.json"))

    def release(self) -> None:
        """Lets other trainings have the folder."""
        if self._claim is not None:
            self._claim.release()

    def begin(self, what: dict[str, Any]) -> None:
        """Write down what a new training is begun with."""
        check_claims(self.path)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        with written_whole(self._begun) as partial:
            partial.write_text(json.dumps(what, indent=1) + "\n", encoding="utf-8")

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that is whole."""
        whole = [each.parent for each in self.checkpoints.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{_WHOLE}")]
        return max(whole, key=lambda each: int(each.name.rpartition("-")[2]), default=None)

    def mark_whole(self, step: int) -> None:
        """Say that all processes have written what a checkpoint holds."""
        check_claims(self.path)
        (self.checkpoints / f"{PREFIX_CHECKPOINT_DIR}-{step}" / _WHOLE).touch()

    def clear_after(self, checkpoint: Path | None) -> None:
        """Remove the checkpoints but this one: what was cut short would be in the way of the next."""
        check_claims(self.path)
        for other in self.checkpoints.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
            if other != checkpoint:
                shutil.rmtree(other)

    def finish(self, save: Callable[[Path], None], facts: dict[str, Any]) -> None:
        """Write the model's files, then the facts; then the checkpoints have done their service.

        Args:
            save: writes the files to a folder.
            facts: of the training.

        Raises:
            WritingError: if the system refuses a write; the checkpoints stay.
        """
        staged = self.path / "model"
        with written_whole(staged) as partial:
            save(partial)
        for file in staged.iterdir():
            file.replace(self.path / file.name)
        staged.rmdir()
        with written_whole(self.path / FACTS) as partial:
            partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        check_claims(self.path)
        shutil.rmtree(self.checkpoints)


def _read(file: Path) -> dict[str, Any] | None:
    """What a file says of a training and its options; None if there is no file."""
    if not file.exists():
        return None
    try:
        facts: dict[str, Any] = parse_json(file.read_bytes())
        dict(facts["options"])
        dict(facts.get("contents", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise AutoBertZeroError(
            f"{file} is damaged, or not of a pre-training: restore it, or give another --output-dir"
        ) from error
    return facts
