"""The last training of a search: of what it found, and of a BERT beside it, on the weights of the super-net."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from accelerate import Accelerator
from transformers import AutoTokenizer

from autobert_zero_hf.analysis.layers import Analysis, analyse, texts_of_batch
from autobert_zero_hf.data.masked_rows import MaskedBatch
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.places import local_place
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.training.replayable.curve import LossCurve
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore, evaluate_masked_lm

from ..proxies.proxy import Proxy
from ..publish.card import Card, masked_lm_result, write_card
from ..publish.description import final_training, finalist_title
from ..publish.export import export
from ..publish.facts import text_of
from ..recipe.recipe import Recipe
from ..runtime.dispatch import Dispatcher
from ..runtime.journal import Journal
from ..runtime.records import Trained
from ..runtime.run_folder import BASELINES, SCRATCH, RunFolder
from ..space.candidate import Candidate
from .preparation import Text, final_rows, rows_that_chose
from .training import TrainedOn, Training

_ANALYSED = 64
"""Of the held-out rows, how many the layers of a finalist are measured on."""


@dataclass
class FinalTraining:
    """Trains finalists by the same steps from the same super-net, scores them, and writes their folders.

    Args:
        recipe: of the search.
        folder: of the run; a finalist's is in it, under its name.
        train: trains one on.
        text: the rows that are scored on.
        tasks: scores on the tasks that the search went by; None for another search.
        evaluated: how many candidates there were.
        accelerator: the processes.
    """

    recipe: Recipe
    folder: RunFolder
    train: TrainedOn
    text: Text
    tasks: Proxy | None
    evaluated: int
    accelerator: Accelerator

    def run(
        self, finalists: Mapping[str, Candidate], dispatcher: Dispatcher, journal: Journal, reporter: Reporter
    ) -> None:
        """Train those that the journal does not know, or whose folder is gone.

        Raises:
            AutoBertZeroError: if a training diverges.
            JournalError: if what it knows is of other backbones.
        """
        known = journal.history.finalists
        for name, event in known.items():
            if name in finalists:
                shape = _shape(finalists[name])
                if name in BASELINES:  # whose block is the best of several
                    shape.pop("block", None)
                journal.compare(event, shape, f"the finalist {name}")
        missing = [name for name in finalists if name not in known or not self.folder.finalist(name).is_dir()]
        steps = {name: sum(each.steps for each in self._trials(name, each)) for name, each in finalists.items()}
        total = sum(steps.values())
        trained = total - sum(steps[name] for name in missing)
        chosen = list(final_rows(self.recipe, len(self.text.held_out)))
        evaluation = self.text.held_out.batch(chosen, self.recipe.run.seed)
        analysed = self.text.held_out.rows[chosen[:_ANALYSED]]["input_ids"]
        rows = analysed.split(texts_of_batch(analysed.shape[1]))

        def work(name: str) -> dict[str, Any]:
            trials = self._trials(name, finalists[name])
            try:
                model, best, curve = self._trained(trials, lambda step: show(trained + step, name))
                score = evaluate_masked_lm(model, evaluation)
                on_tasks = self.tasks(model, lambda _: None) if self.tasks else None
                analysis = analyse(model, [(each, torch.ones_like(each)) for each in rows])
            except FloatingPointError as error:
                raise AutoBertZeroError(
                    f"the final training of {name!r} diverged ({error}): search with a lower --final-learning-rate in "
                    "another --output-dir"
                ) from error
            place = local_place(self.folder.path, name)
            rate = best.rate if len(trials) > 1 else None
            card = write_card(self._card(name, best.candidate, score, rate), model, place)
            # A tokenizer as it was written: one that was used keeps, for one, the length that it cut to.
            export(model, AutoTokenizer.from_pretrained(self.text.tokenizer), card, self.folder.finalist(name))
            return {
                "parameters": model.num_parameters(),
                "accuracy": score.value,
                "standard_error": score.standard_error,
                "correct": list(score.totals),
                "masked": list(score.masked),
                "analysis": asdict(analysis),
                "learning_rate": rate,
                "block": best.candidate.block,
                "loss_curve": curve.means or None,
                **({} if on_tasks is None else {"task_score": on_tasks.value, "task_error": on_tasks.standard_error}),
            }

        def write(number: int, result: dict[str, Any]) -> None:
            nonlocal trained
            name = missing[number]
            result = {**_shape(finalists[name]), **result, "analysis": Analysis(**result["analysis"])}
            journal.append(Trained(name=name, **result))
            trained += steps[name]
            show(trained, name)

        with reporter.phase("Final training", total, trained) as show:
            dispatcher.run(missing, work, write)
        # The main process serves the queue until all have read it to the end.
        self.accelerator.wait_for_everyone()

    @property
    def _choosing(self) -> MaskedBatch:
        """The rows that chose the candidates, or all where none did."""
        chose = rows_that_chose(self.recipe) or len(self.text.held_out)
        return self.text.held_out.batch(list(range(min(chose, len(self.text.held_out)))), self.recipe.run.seed)

    def _trials(self, name: str, candidate: Candidate) -> list[Training]:
        """The trainings of a finalist: of the baseline, by several rates and in several blocks.

        A winner that is better than an untuned baseline alone has shown nothing.
        """
        final, inherits = self.recipe.final, name != SCRATCH
        if name not in BASELINES:
            return [Training(candidate, final.final_learning_rate, final.final_steps)]
        rates = [final.final_learning_rate * each for each in final.baseline_rates]
        trials = [Training(candidate, rate, final.final_steps, anew=not inherits) for rate in rates]
        own = candidate.block or self.train.objective.net.config.block
        together = final.final_steps + (self.recipe.supernet.supernet_steps if inherits else 0)
        others = [replace(candidate, block=block) for block in self.recipe.blocks_of_baseline(own)[1:]]
        return trials + [Training(each, rate, together, anew=True) for each in others for rate in rates]

    def _trained(
        self, trials: Sequence[Training], after_step: Callable[[int], None]
    ) -> tuple[AutoBertZeroForMaskedLM, Training, LossCurve]:
        """A finalist after its training, which of the trainings was the best, and its losses.

        What is best is seen on the rows that chose the winner, or on all where none did.

        Raises:
            FloatingPointError: if each diverges.
        """
        done, choosing = 0, self._choosing
        best: tuple[float, AutoBertZeroForMaskedLM, Training, LossCurve] | None = None
        for trial in trials:
            try:
                curve = LossCurve(trial.steps)
                model = self.train(trial, lambda step, before=done: after_step(before + step), curve)  # type: ignore[misc]
                if len(trials) == 1:
                    return model, trial, curve
                score = evaluate_masked_lm(model, choosing).value
                if best is None or score > best[0]:
                    best = score, model, trial, curve
            except FloatingPointError:
                if best is None and trial is trials[-1]:
                    raise
            done += trial.steps
        assert best is not None
        return best[1:]

    def _card(self, name: str, candidate: Candidate, score: MaskedScore, rate: float | None) -> Card:
        text = text_of(self.recipe.to_dict())
        title, summary = finalist_title(name, self.evaluated, text, candidate.sizes)
        return Card(
            title,
            summary,
            [final_training(self.recipe, name, self.text.data, rate, candidate.block)],
            [masked_lm_result(score, text)],
        )


def _shape(candidate: Candidate) -> dict[str, Any]:
    """What the journal says of a finalist's backbone."""
    return {"layers": list(candidate.layers), **candidate.own}
