"""What all phases of a run that makes an encoder faster have in common."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from autobert_zero_hf.progress.reporter import Reporter

from ...blocks.held_out import HeldOut
from ...blocks.library import Library
from ...blocks.quality import Judge
from ...blocks.source import Source
from ...blocks.teacher import Teacher
from ...recipe.block_options import BlockRecipe
from ...runtime.dispatch import Dispatcher
from ...runtime.history import History
from ...runtime.journal import Journal
from ...runtime.run_folder import RunFolder
from .texts import Texts


@dataclass
class Context:
    """A run, as each of its processes has it.

    Args:
        recipe: what to do.
        folder: where.
        accelerator: the processes.
        reporter: says what happens.
        source: the encoder, with its head.
        texts: the text.
        journal: what is done; the main process writes it.
        dispatcher: shares work among the processes.
    """

    recipe: BlockRecipe
    folder: RunFolder
    accelerator: Accelerator
    reporter: Reporter
    source: Source
    texts: Texts
    journal: Journal
    dispatcher: Dispatcher

    @cached_property
    def teacher(self) -> Teacher:
        """The encoder, layer by layer."""
        return Teacher(self.source.base)

    @cached_property
    def library(self) -> Library:
        """The parts of its layers."""
        return Library(self.teacher, self.folder.library, self.recipe.parts)

    @cached_property
    def held_out(self) -> HeldOut:
        """What alternatives and assemblies are chosen by."""
        return HeldOut(self.teacher, self.texts.held_out)

    @cached_property
    def judge(self) -> Judge:
        """What models are judged by in the end."""
        return Judge(self.source.model, self.texts.judged, self.texts.sentences, self.source.first_token)

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        found: bool = self.accelerator.is_main_process
        return found

    @property
    def history(self) -> History:
        """What is done."""
        return self.journal.history

    def seed(self, what: str) -> str:
        """The seed of something that is drawn."""
        return f"{self.recipe.seed}/{what}"

    def shared(self, found: Any) -> Any:
        """What the main process found, in all of them."""
        return broadcast_object_list([found])[0]
