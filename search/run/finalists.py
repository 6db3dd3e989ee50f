"""The last training of a search: of what it found, and of a BERT beside it, on the weights of the super-net."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from accelerate import Accelerator
from transformers import AutoTokenizer

from autobert_zero_hf.analysis.layers import Analysis, analyse, texts_of_batch
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroForMaskedLM
from autobert_zero_hf.places import local_place
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore, evaluate_masked_lm, train_masked_lm

from ..proxies.proxy import Proxy
from ..publish.card import Card, masked_lm_result, write_card
from ..publish.description import final_training, finalist_title
from ..publish.export import export
from ..publish.facts import text_of
from ..recipe.recipe import Recipe
from ..runtime.dispatch import Dispatcher
from ..runtime.journal import Journal
from ..runtime.progress import Reporter
from ..runtime.records import Trained
from ..runtime.run_folder import BASELINES, SCRATCH, RunFolder
from ..space.candidate import Candidate
from ..supernet.objectives import Objective
from .preparation import Text, final_rows, rows_that_chose

_ANALYSED = 64
"""Of the held-out rows, how many the layers of a finalist are measured on."""


@dataclass
class FinalTraining:
    """Trains finalists by the same steps from the same super-net, scores them, and writes their folders.

    Args:
        recipe: of the search.
        folder: of the run; a finalist's is in it, under its name.
        objective: what the super-net learnt, with the trained super-net.
        text: the rows to train on, and those that are scored on.
        tasks: scores on the tasks that the search went by; None for another search.
        evaluated: how many candidates there were.
        accelerator: the processes, and the autocast.
    """

    recipe: Recipe
    folder: RunFolder
    objective: Objective
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
        steps, seed = self.recipe.final.final_steps, self.recipe.run.seed
        known = journal.history.finalists
        for name, event in known.items():
            if name in finalists:
                journal.compare(event, _shape(finalists[name]), f"the finalist {name}")
        missing = [name for name in finalists if name not in known or not self.folder.finalist(name).is_dir()]
        total, left = (steps * sum(len(self._rates(name)) for name in names) for names in (finalists, missing))
        trained = total - left
        chosen = list(final_rows(self.recipe, len(self.text.held_out)))
        evaluation = self.text.held_out.batch(chosen, seed)
        analysed = self.text.held_out.rows[chosen[:_ANALYSED]]["input_ids"]
        rows = analysed.split(texts_of_batch(analysed.shape[1]))

        def work(name: str) -> dict[str, Any]:
            candidate = finalists[name]
            try:
                model, rate = self._trained(name, candidate, lambda step: show(trained + step, name))
                score = evaluate_masked_lm(model, evaluation)
                on_tasks = self.tasks(model, lambda _: None) if self.tasks else None
                analysis = analyse(model, [(each, torch.ones_like(each)) for each in rows])
            except FloatingPointError as error:
                raise AutoBertZeroError(
                    f"the final training of {name!r} diverged ({error}): search with a lower --final-learning-rate in "
                    "another --output-dir"
                ) from error
            place = local_place(self.folder.path, name)
            card = write_card(self._card(name, candidate, score, rate), model, place)
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
                **({} if on_tasks is None else {"task_score": on_tasks.value, "task_error": on_tasks.standard_error}),
            }

        def write(number: int, result: dict[str, Any]) -> None:
            nonlocal trained
            name = missing[number]
            analysis = Analysis(**result.pop("analysis"))
            journal.append(Trained(name=name, **_shape(finalists[name]), **result, analysis=analysis))
            trained += steps * len(self._rates(name))
            show(trained, name)

        with reporter.phase("Final training", total, trained) as show:
            dispatcher.run(missing, work, write)
        # The main process serves the queue until all have read it to the end.
        self.accelerator.wait_for_everyone()

    def _rates(self, name: str) -> list[float]:
        """The peak learning rates that a finalist is trained with: of the baseline, the best of several counts.

        A winner that is better than an untuned baseline alone has shown nothing.
        """
        final = self.recipe.final
        times = final.baseline_rates if name in BASELINES else [1.0]
        return [final.final_learning_rate * each for each in times]

    def _trained(
        self, name: str, candidate: Candidate, after_step: Callable[[int], None]
    ) -> tuple[AutoBertZeroForMaskedLM, float | None]:
        """A finalist after its training, and which of several learning rates was the best, where there are some.

        What is best is seen on the rows that chose the winner, or on all where none did.

        Raises:
            FloatingPointError: if it diverges with each rate.
        """
        rates, steps, seed = self._rates(name), self.recipe.final.final_steps, self.recipe.run.seed
        chose = rows_that_chose(self.recipe) or len(self.text.held_out)
        choosing = self.text.held_out.batch(list(range(min(chose, len(self.text.held_out)))), seed)
        best: tuple[float, AutoBertZeroForMaskedLM, float] | None = None
        for number, rate in enumerate(rates):
            model = self._model(name, candidate)
            try:
                train_masked_lm(
                    self.objective.alone(model, name != SCRATCH),
                    self.text.rows,
                    steps,
                    self.recipe.final.final_batch_size,
                    rate,
                    seed,
                    self.accelerator.autocast,
                    after_step=lambda step, done=number * steps: after_step(done + step),  # type: ignore[misc]
                )
                if len(rates) == 1:
                    return model, None
                score = evaluate_masked_lm(model, choosing).value
            except FloatingPointError:
                if best is None and rate == rates[-1]:
                    raise
                continue
            if best is None or score > best[0]:
                best = score, model, rate
        assert best is not None
        return best[1:]

    def _model(self, name: str, candidate: Candidate) -> AutoBertZeroForMaskedLM:
        if name != SCRATCH:
            return self.objective.net.extract(candidate.layers, candidate.sizes, candidate.block)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.run.seed)
            model = AutoBertZeroForMaskedLM(candidate.config(self.objective.net.config))
            return model.to(self.accelerator.device)

    def _card(self, name: str, candidate: Candidate, score: MaskedScore, rate: float | None) -> Card:
        text = text_of(self.recipe.to_dict())
        title, summary = finalist_title(name, self.evaluated, text, candidate.sizes)
        return Card(
            title, summary, [final_training(self.recipe, name, self.text.data, rate)], [masked_lm_result(score, text)]
        )


def _shape(candidate: Candidate) -> dict[str, Any]:
    """What the journal says of a finalist's backbone."""
    return {"layers": list(candidate.layers), **candidate.own}
