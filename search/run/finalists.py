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
from ..runtime.records import LastRound, Trained
from ..runtime.run_folder import BASELINES, SCRATCH, RunFolder
from ..space.candidate import Candidate
from ..strategy.evaluation import Failure
from ..supernet.objectives import Objective
from .preparation import Text, final_rows, rows_that_chose

_ANALYSED = 64
"""Of the held-out rows, how many the layers of a finalist are measured on."""


@dataclass(frozen=True)
class _Trial:
    """One of the trainings of a finalist, the best of which counts.

    Args:
        candidate: the finalist, in the block that it is trained in.
        rate: the peak learning rate.
        steps: how many.
        anew: whether it begins with random weights.
    """

    candidate: Candidate
    rate: float
    steps: int
    anew: bool


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
                model, best = self._trained(trials, lambda step: show(trained + step, name))
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

    def choose(
        self, candidates: Sequence[Candidate], dispatcher: Dispatcher, journal: Journal, reporter: Reporter
    ) -> Candidate:
        """The best of several after their last training, by the rows that chose them, or by the tasks.

        Args:
            candidates: the best first; of those that end with the same score the first one is chosen.
            dispatcher: the processes.
            journal: holds what came of each; those that it knows are not trained again.
            reporter: shows how far it is.

        Raises:
            AutoBertZeroError: if the training of each diverges.
        """
        known = {event.identity: event for event in journal.history.of(LastRound)}
        missing = [each for each in candidates if each.identity not in known]
        final, choosing = self.recipe.final, self._choosing
        trained = final.final_steps * (len(candidates) - len(missing))

        def work(candidate: Candidate) -> dict[str, Any]:
            trial = _Trial(candidate, final.final_learning_rate, final.final_steps, anew=False)
            try:
                model = self._fit(trial, lambda step: show(trained + step))
                found = self.tasks(model, lambda _: None) if self.tasks else evaluate_masked_lm(model, choosing)
            except FloatingPointError:
                return {"score": None, "standard_error": None, "failure": Failure.NOT_FINITE}
            return {"score": found.value, "standard_error": found.standard_error, "failure": None}

        def write(number: int, result: dict[str, Any]) -> None:
            nonlocal trained
            failure = None if result["failure"] is None else Failure(result["failure"])
            journal.append(LastRound(identity=missing[number].identity, **{**result, "failure": failure}))
            trained += final.final_steps
            show(trained)

        with reporter.phase("Last round", final.final_steps * len(candidates), trained) as show:
            results = dispatcher.run(missing, work, write)
        scores = {identity: event.score for identity, event in known.items()}
        scores |= {each.identity: result["score"] for each, result in zip(missing, results, strict=True)}
        best = max((score for each in candidates if (score := scores[each.identity]) is not None), default=None)
        if best is None:
            raise AutoBertZeroError(
                f"the last training of all {len(candidates)} candidates diverged: search with a lower "
                "--final-learning-rate in another --output-dir"
            )
        return next(each for each in candidates if scores[each.identity] == best)

    @property
    def _choosing(self) -> MaskedBatch:
        """The rows that chose the candidates, or all where none did."""
        chose = rows_that_chose(self.recipe) or len(self.text.held_out)
        return self.text.held_out.batch(list(range(min(chose, len(self.text.held_out)))), self.recipe.run.seed)

    def _fit(self, trial: _Trial, after_step: Callable[[int], None]) -> AutoBertZeroForMaskedLM:
        """A model after its training.

        Raises:
            FloatingPointError: if it diverges.
        """
        model = self._model(trial)
        train_masked_lm(
            self.objective.alone(model, not trial.anew),
            self.text.rows,
            trial.steps,
            self.recipe.final.final_batch_size,
            trial.rate,
            self.recipe.run.seed,
            self.accelerator.autocast,
            after_step=after_step,
        )
        return model

    def _trials(self, name: str, candidate: Candidate) -> list[_Trial]:
        """The trainings of a finalist: of the baseline, by several rates and in several blocks.

        A winner that is better than an untuned baseline alone has shown nothing.
        """
        final, inherits = self.recipe.final, name != SCRATCH
        if name not in BASELINES:
            return [_Trial(candidate, final.final_learning_rate, final.final_steps, anew=False)]
        rates = [final.final_learning_rate * each for each in final.baseline_rates]
        trials = [_Trial(candidate, rate, final.final_steps, anew=not inherits) for rate in rates]
        own = candidate.block or self.objective.net.config.block
        together = final.final_steps + (self.recipe.supernet.supernet_steps if inherits else 0)
        others = [replace(candidate, block=block) for block in self.recipe.blocks_of_baseline(own)[1:]]
        return trials + [_Trial(each, rate, together, anew=True) for each in others for rate in rates]

    def _trained(
        self, trials: Sequence[_Trial], after_step: Callable[[int], None]
    ) -> tuple[AutoBertZeroForMaskedLM, _Trial]:
        """A finalist after its training, and which of the trainings was the best.

        What is best is seen on the rows that chose the winner, or on all where none did.

        Raises:
            FloatingPointError: if each diverges.
        """
        done, choosing = 0, self._choosing
        best: tuple[float, AutoBertZeroForMaskedLM, _Trial] | None = None
        for trial in trials:
            try:
                model = self._fit(trial, lambda step, before=done: after_step(before + step))  # type: ignore[misc]
                if len(trials) == 1:
                    return model, trial
                score = evaluate_masked_lm(model, choosing).value
                if best is None or score > best[0]:
                    best = score, model, trial
            except FloatingPointError:
                if best is None and trial is trials[-1]:
                    raise
            done += trial.steps
        assert best is not None
        return best[1:]

    def _model(self, trial: _Trial) -> AutoBertZeroForMaskedLM:
        candidate = trial.candidate
        if not trial.anew:
            return self.objective.net.extract(candidate.layers, candidate.sizes, candidate.block)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.run.seed)
            model = AutoBertZeroForMaskedLM(candidate.config(self.objective.net.config))
            return model.to(self.accelerator.device)

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
