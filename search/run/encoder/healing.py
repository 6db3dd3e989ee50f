"""The phase in which each assembly, and each dropping beside it, learns from the encoder, and is judged."""

from collections.abc import Callable, Sequence
from typing import Any

from autobert_zero_hf.data.contents import digest_of_model
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.writing import written_whole

from ...blocks.building import build, dropped
from ...blocks.healing import heal
from ...blocks.parts import joined
from ...blocks.quality import Figure, Judge
from ...blocks.texts import batches_of, sentences_of
from ...publish.export import write_files
from ...runtime.block_records import Assembled, Healed
from ...runtime.run_folder import BEST, DROPPED
from .assembling import assembled, choices_in
from .budgets import Budget
from .context import Context


def heal_models(run: Context, budgets: Sequence[Budget]) -> None:
    """Train each model that is not trained yet, in as many processes as there are.

    Raises:
        AutoBertZeroError: if a model that was trained was changed, or one does not learn.
    """
    names = [f"{budget.name}/{name}" for budget in budgets for name in (BEST, DROPPED)]
    known = {event.identity: event for event in run.shared(list(run.history.of(Healed)))}
    for name in [name for name in names if name in known]:
        if digest_of_model(str(run.folder.path / name)) not in ("", known[name].digest):
            raise AutoBertZeroError(
                f"{run.folder.path / name} is not what this run wrote, or was changed: take it away, and it is made "
                "again"
            )
    missing = [name for name in names if name not in known or not (run.folder.path / name).is_dir()]
    healing, done, steps = Healing(run), len(names) - len(missing), run.recipe.healing.healing_steps
    with run.reporter.phase("Healing", len(names), done) as show:

        def work(name: str) -> dict[str, Any]:
            return healing(name, lambda step, loss: show(done, f"{name}: step {step} of {steps}, loss {loss:.3f}"))

        def write(_: int, result: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            if run.history.find(Healed, "identity", result["identity"]) is None:
                run.journal.append(Healed(**result))
            show(done)

        run.dispatcher.run(missing, work, write)
    run.accelerator.wait_for_everyone()  # the main process serves the queue until all have read it to the end


class Healing:
    """Trains one model after another, on the same sentences.

    Args:
        run: the run.
    """

    def __init__(self, run: Context):
        self.run = run
        self.assembled = assembled(run)
        self._judge: Judge | None = None
        self._sentences: list[list[int]] | None = None

    def __call__(self, name: str, after_step: Callable[[int, float], None]) -> dict[str, Any]:
        """Train a model, and write it.

        Args:
            name: the budget, a slash and the name of its folder.
            after_step: called with the number of steps done, and the loss.

        Returns:
            The fields of its `Healed`.

        Raises:
            AutoBertZeroError: if it does not learn.
        """
        run, source, options = self.run, self.run.source, self.run.recipe.healing
        budget, _, which = name.rpartition("/")
        event: Assembled = self.assembled[budget]
        choices = choices_in(event) if which == BEST else dropped(run.library, event.kept)
        model = build(source.model, run.library, choices)
        kept = [layer for layer, choice in enumerate(choices) if joined(choice)]
        batches = batches_of(
            self.sentences,
            options.healing_batch_size,
            options.healing_steps,
            source.tokenizer.pad_token_id,
            run.seed("healing"),
        )
        try:
            heal(model, source.model, kept, batches, options, source.first_token, after_step)
        except FloatingPointError as error:
            raise AutoBertZeroError(
                f"{name} does not learn from {source.name} ({error}): give a lower --healing-learning-rate in another "
                "--output-dir"
            ) from error
        quality = self.judge(model)
        with written_whole(run.folder.path / name) as place:
            write_files(model, source.tokenizer, place)
            source.copy_sentence_files(place)
        return {
            "identity": name,
            "layers": list(model.config.layers),
            "parameters": model.num_parameters(),
            "digest": digest_of_model(str(run.folder.path / name)),
            "errors": _rounded(quality.error),
            "neighbours": _rounded(quality.neighbours),
            "cosines": _rounded(quality.cosine),
            "agreements": None if quality.agreement is None else _rounded(quality.agreement),
        }

    @property
    def judge(self) -> Judge:
        """What models are judged by."""
        if self._judge is None:
            source, texts = self.run.source, self.run.texts
            self._judge = Judge(source.model, texts.judged, texts.sentences, source.first_token)
        return self._judge

    @property
    def sentences(self) -> list[list[int]]:
        """What models learn from."""
        if self._sentences is None:
            recipe, options = self.run.recipe, self.run.recipe.healing
            count = max(1, options.healing_steps * options.healing_batch_size)
            tokenizer, length = self.run.source.tokenizer, recipe.data.sequence_length
            self._sentences = sentences_of(self.run.texts.train, tokenizer, length, count, self.run.seed("sentences"))
        return self._sentences


def _rounded(figure: Figure) -> list[float]:
    return [round(float(each), 6) for each in figure.parts]
