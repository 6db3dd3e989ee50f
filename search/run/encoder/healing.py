"""The phase in which each assembly, and each dropping beside it, learns from the encoder, and is judged."""

from collections.abc import Callable, Sequence
from typing import Any

from autobert_zero_hf.data.contents import digest_of_model
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.writing import written_whole

from ...blocks.building import build, dropped
from ...blocks.healing import Student, heal
from ...blocks.parts import joined
from ...blocks.texts import batches_of, sentences_of
from ...publish.export import write_files
from ...runtime.block_records import Assembled, Healed
from ...runtime.run_folder import BEST, DROPPED
from .assembling import assembled, choices_in
from .budgets import Budget
from .context import Context
from .facts import figures_of


def heal_models(run: Context, budgets: Sequence[Budget]) -> None:
    """Train each model that is not trained yet, in as many processes as there are.

    Raises:
        AutoBertZeroError: if a model that was trained was changed, or one does not learn.
    """
    pairs = [[f"{budget.name}/{name}" for name in (BEST, DROPPED)] for budget in budgets]
    names = [name for pair in pairs for name in pair]
    known = {event.identity: event for event in run.shared(list(run.history.of(Healed)))}
    for name in [name for name in names if name in known]:
        if digest_of_model(str(run.folder.path / name)) not in ("", known[name].digest):
            raise AutoBertZeroError(
                f"{run.folder.path / name} is not what this run wrote, or was changed: take it away, and it is made "
                "again"
            )
    found = [[name for name in pair if name not in known or not (run.folder.path / name).is_dir()] for pair in pairs]
    missing = [pair for pair in found if pair]
    healing, done, steps = Healing(run), len(names) - sum(map(len, missing)), run.recipe.healing.healing_steps
    with run.reporter.phase("Healing", len(names), done, "models") as show:

        def work(pair: list[str]) -> list[dict[str, Any]]:
            words = " and ".join(pair)

            def after_step(step: int, losses: Sequence[float]) -> None:
                show(done, f"{words}: step {step} of {steps}, loss {', '.join(f'{loss:.3f}' for loss in losses)}")

            return healing(pair, after_step)

        def write(_: int, results: list[dict[str, Any]]) -> None:
            nonlocal done
            for result in results:
                done += 1
                if run.history.find(Healed, "identity", result["identity"]) is None:
                    run.journal.append(Healed(**result))
            show(done)

        run.dispatcher.run(missing, work, write)
    run.accelerator.wait_for_everyone()  # the main process serves the queue until all have read it to the end


class Healing:
    """Trains the models of one budget after another, all on the same sentences.

    Args:
        run: the run.
    """

    def __init__(self, run: Context):
        self.run = run
        self.assembled = assembled(run)
        self._sentences: list[list[int]] | None = None

    def __call__(
        self, names: Sequence[str], after_step: Callable[[int, Sequence[float]], None]
    ) -> list[dict[str, Any]]:
        """Train models side by side, and write them.

        Args:
            names: of each, the budget, a slash and the name of its folder.
            after_step: called with the number of steps done, and the losses.

        Returns:
            The fields of the `Healed` of each.

        Raises:
            AutoBertZeroError: if one does not learn.
        """
        run, source, options = self.run, self.run.source, self.run.recipe.healing
        students = [self._student(name) for name in names]
        batches = batches_of(
            self.sentences,
            run.texts.packed,
            options.healing_batch_size,
            options.healing_steps,
            source.tokenizer.pad_token_id,
            run.seed("healing"),
        )
        try:
            heal(students, source.model, batches, options, source.first_token, after_step)
        except FloatingPointError as error:
            raise AutoBertZeroError(
                f"what learns from {source.name} does not come to an end ({error}): give a lower "
                "--healing-learning-rate in another --output-dir"
            ) from error
        return [self._written(student) for student in students]

    def _student(self, name: str) -> Student:
        budget, _, which = name.rpartition("/")
        event: Assembled = self.assembled[budget]
        choices = choices_in(event) if which == BEST else dropped(self.run.library, event.kept)
        model = build(self.run.source.model, self.run.library, choices)
        return Student(name, model, [layer for layer, choice in enumerate(choices) if joined(choice)])

    def _written(self, student: Student) -> dict[str, Any]:
        model, place = student.model, self.run.folder.path / student.name
        quality = self.run.judge(model)
        with written_whole(place) as partial:
            write_files(model, self.run.source.tokenizer, partial)
            self.run.source.copy_sentence_files(partial)
        return {
            "identity": student.name,
            "layers": list(model.config.layers),
            "parameters": model.num_parameters(),
            "digest": digest_of_model(str(place)),
            **figures_of(quality),
        }

    @property
    def sentences(self) -> list[list[int]]:
        """What models learn from."""
        if self._sentences is None:
            recipe, options = self.run.recipe, self.run.recipe.healing
            count = max(1, options.healing_steps * options.healing_batch_size)
            tokenizer, length = self.run.source.tokenizer, recipe.data.sequence_length
            self._sentences = sentences_of(self.run.texts.train, tokenizer, length, count, self.run.seed("sentences"))
        return self._sentences
