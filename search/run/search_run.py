"""A search from the recipe to the exported winner; every phase is taken up where the journal ends."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from autobert_zero_hf.claims import check_claims
from autobert_zero_hf.model import architecture
from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.progress.steps import clock
from autobert_zero_hf.writing import write_json

from ..latency.measuring import check_runtime
from ..proxies.proxy import Proxy, score_without_a_model
from ..proxies.table import PreparedProxy
from ..recipe.options import option_groups
from ..recipe.recipe import Recipe
from ..recipe.rungs import Rung
from ..runtime.dispatch import Dispatcher
from ..runtime.energy import measured_energy
from ..runtime.environment import warn_of_changes
from ..runtime.journal import Journal, JournalError
from ..runtime.loop import SearchLoop
from ..runtime.records import Baseline, ConstantAnswer, Data, Extended, Finished, Steered, TrainedSuperNet
from ..runtime.run_folder import BEST, FRONT, SCRATCH, RunFolder, finalists_of
from ..runtime.status import CANDIDATES, SearchStatus
from ..runtime.tracking import Tracking, choose_trackers
from ..space.candidate import Candidate
from ..space.space import Space
from ..space.steering import Steering
from ..strategy.evaluation import Evaluation, Failure
from ..strategy.strategy import Strategy
from ..supernet.estimator import Estimator
from ..supernet.inheritance import Inheritance
from ..supernet.objectives import Objective
from .accelerated import accelerated, open_journal
from .finalists import FinalTraining
from .from_options import load_tasks, make_estimator, make_rungs
from .front import Compromise, best_compromises, describe_front, find_front, name_models, rank
from .latency_bound import LatencyBound, Stopwatch
from .limits import make_proposing, make_strategy
from .objects import NO_OBJECTS, Objects
from .phases import phases_of_search
from .preparation import Preparation, Text
from .program import Program
from .proposals import Proposals, taking_in
from .rungs import Rungs, by_score, forget
from .screening import screened, screening_report
from .steering import as_begun, check_steerable, keeping, steered
from .training import TrainedOn


def search(
    recipe: Recipe,
    output_dir: str | Path,
    report_to: Sequence[str] = ("none",),
    *,
    strategy: Strategy | str | None = None,
    proxy: Proxy | PreparedProxy | str | None = None,
    space: Space | None = None,
    propose: str | None = None,
) -> Path:
    """Search for a backbone.

    Files in `output_dir`: `journal.jsonl`, `recipe.yaml`, `tokenizer/`, `supernet.pt`, `best/`, `bert/`, `logs/` of
    trackers that write files, and `energy.json` where codecarbon is installed; `latency.jsonl`, measured latencies,
    where they are bounded, and `front/` with `front.json`, where the best compromises are kept.

    Args:
        recipe: what to do.
        output_dir: where; a search that was begun there with the same recipe goes on.
        report_to: names of Accelerate's trackers, "all" that are installed, or "none".
        strategy: one that is an object, new and with a seed of its own; or the name of one. By itself the recipe's.
        proxy: one that is an object, a `Proxy` or a `PreparedProxy`; or the name of one. By itself the recipe's.
        space: where the strategy looks, of as many layers as the recipe has. By itself what the recipe says.
        propose: the command of a program that proposes backbones besides, as `search.run.program` says; its answers are
            in the journal, and not the program, so that a search goes on without it, or with another one.

    The journal names the classes of objects, and with others the search does not go on. The same object must do the
    same again: the journal tells it the results that it was told before.

    Returns:
        The folder of the winner, for `from_pretrained`.

    Raises:
        RecipeError: if an object is none of its kind, does not fit the recipe, or proposes nothing.
        JournalError: if the folder holds a search with another recipe, on another text, or a damaged journal; or if
            the journal cannot be written.
        WritingError: if something else cannot be written.
        CorpusError: if the text cannot be had, or is too little.
        LatencyError: if no candidate meets the latency that is wanted, or it cannot be measured.
        TrackingError: if a tracker is not known, not installed or cannot be used.
    """
    folder = RunFolder(Path(output_dir))
    named = {what: each for what, each in (("strategy", strategy), ("proxy", proxy)) if isinstance(each, str)}
    if named:
        recipe = Recipe.from_dict({**recipe.to_dict(), **named})
    program = None if propose is None else Program(propose)
    objects = Objects(None if isinstance(strategy, str) else strategy, None if isinstance(proxy, str) else proxy, space)
    recipe = objects.applied_to(Recipe.restored(find_models(option_groups(), recipe.to_dict())))
    if recipe.bounds_latency:
        check_runtime(recipe.latency)
    with (
        accelerated(recipe, folder, choose_trackers(report_to)) as (recipe, accelerator),
        Reporter(accelerator.is_main_process) as reporter,
    ):
        run = SearchRun(recipe, folder, accelerator, reporter, objects=objects, program=program)
        unfinished = accelerator.is_main_process and run.journal.history.finished is None
        try:
            with measured_energy(folder.energy, begin=unfinished):
                run.run()
        finally:
            run.journal.close()
    return folder.best


@dataclass(frozen=True)
class Shared:
    """What searches with other budgets have in common.

    Args:
        text: its rows.
        objective: what the super-net learnt, with the trained super-net.
        supernet: what the journal says of its training.
        stopwatch: measures latencies.
    """

    text: Text
    objective: Objective
    supernet: TrainedSuperNet
    stopwatch: Stopwatch


@dataclass(frozen=True)
class Prepared:
    """What a search is made with, once its text is read and its super-net trained.

    Args:
        text: its rows.
        objective: what the super-net learnt, with the trained super-net.
        bound: of latencies; None where there is none.
        strategy: proposes candidates within the limits; it was not told of any.
        estimator: scores them.
        rungs: what the best of them are looked at by afterwards, each with what scores there.
        on_tasks: the last of all that scores on tasks; None where none does.
        dispatcher: the processes that do it.
    """

    text: Text
    objective: Objective
    bound: LatencyBound | None
    strategy: Strategy
    estimator: Estimator
    rungs: Sequence[tuple[Rung, Proxy]]
    on_tasks: Proxy | None
    dispatcher: Dispatcher


@dataclass(frozen=True)
class Found:
    """What a search looked at.

    Args:
        evaluations: of all candidates, in the order in which they were asked.
        ranked: the candidates that can win, which have a score, the best first.
        reason: why the search ended.
        rejections: how many draws were not proposed, by reason.
    """

    evaluations: Sequence[Evaluation]
    ranked: Sequence[Candidate]
    reason: str
    rejections: Mapping[str, int]


@dataclass(frozen=True)
class Selected:
    """What is trained on in the end.

    Args:
        finalists: by their names: the winner, what it is compared with, and the compromises that are kept.
        front: the best compromises, where some are kept.
    """

    finalists: Mapping[str, Candidate]
    front: Sequence[Compromise]


class SearchRun:
    """A search, in all processes: each phase returns what the next ones need.

    Args:
        recipe: what to do.
        folder: where.
        accelerator: the processes.
        reporter: says what happens.
        shared: what is prepared already; by default the search prepares all.
        budget: what the models may cost, in words; that of the recipe, if it is empty.
        objects: what stands in the place of the recipe's strategy, proxy and space.
        program: proposes backbones besides the strategy's; None for none.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        accelerator: Accelerator,
        reporter: Reporter,
        shared: Shared | None = None,
        budget: str = "",
        objects: Objects = NO_OBJECTS,
        program: Program | None = None,
    ):
        self.recipe = recipe
        self.folder = folder
        self.accelerator = accelerator
        self.reporter = reporter
        self.shared = shared
        self.objects = objects
        self.program = program
        self.names = finalists_of(recipe.to_dict())
        strategy = make_strategy(recipe, given=objects.strategy)  # one that cannot be made leaves no journal
        check_steerable(strategy, recipe)
        if program is not None:
            taking_in(strategy, recipe)
        self.tasks = load_tasks(recipe, recipe.chosen("proxy") if objects.proxy is None else recipe.proxies_of_rungs)
        self.journal = self._open_journal()
        self.tracking = Tracking(accelerator, self.journal, recipe.supernet.supernet_steps)
        self.reporter.follow(SearchStatus(self.journal.history, budget or recipe.latency_budget))

    def _open_journal(self) -> Journal:
        if self.accelerator.is_main_process and not self.folder.journal.exists():
            for name in (*self.names, FRONT):
                if (place := self.folder.finalist(name)).exists():
                    raise JournalError(
                        f"{place} is not of a search (there is no journal): it would be lost, "
                        "so use another --output-dir"
                    )
        parts = {"origins": self.recipe.origins(), "objects": self.objects.names}
        return open_journal(self.recipe.to_dict(), self.folder, self.accelerator, parts)

    def run(self) -> None:
        """Do all that is not done yet."""
        if (finished := self.journal.history.finished) and self._have_finalists():
            self.reporter.say(f"The search in {self.folder.path} is finished: {finished.reason}.")
            return
        if self.shared is None:  # else it is a part of a run that has said so
            self.reporter.expect(phases_of_search(self.recipe))
        self._begin()
        prepared = self._prepare()
        found = self._search(prepared)
        selected = self._select(prepared, found)
        self._finish(prepared, found, selected)

    def _have_finalists(self) -> bool:
        return all(self.folder.finalist(name).is_dir() for name in {*self.names, *self.journal.history.finalists})

    def _begin(self) -> None:
        history, path = self.journal.history, self.folder.path
        if len(history.events) > 1:
            self.reporter.say(f"Resuming the search in {path}, {clock(self.journal.spent_before)} old.")
            if self.shared is None and self.accelerator.is_main_process:
                warn_of_changes(path, history.start.environment)
        if any(isinstance(event, Extended) for event in history.events[-2:]):
            budget = self.recipe.budget
            self.reporter.say(
                f"Its budget is {budget.candidates:,} candidates, {budget.hours:g} hours and {budget.patience} "
                "generations without a better one by now."
            )
        for event in history.of(Steered)[-1:]:
            wanted = Steering.of(event.pin, event.forbid, event.prefer)
            self.reporter.say(f"Steered from generation {event.generation + 1} on: {wanted or 'no more'}.")
        self.tracking.start(path.resolve().name, self.recipe.to_dict())

    def _prepare(self) -> Prepared:
        """Read the text and train the super-net; limits that leave nothing are refused before that is trained."""
        if (shared := self.shared) is not None:
            self._note(shared.text.data)
            text, objective = shared.text, shared.objective
            self.recipe = self.recipe.with_config(objective.net.config)
            bound, strategy = self._limit(shared.stopwatch)
            self._note(shared.supernet)
        else:
            preparation = Preparation(
                self.recipe, self.folder, self.tasks, self.accelerator, self.journal, self.reporter, self.tracking
            )
            text = preparation.read()
            self.recipe = preparation.recipe
            config = preparation.config(text.rows.tokenizer)
            bound, strategy = self._limit(Stopwatch(self.recipe, self.folder, config, self.accelerator, self.reporter))
            objective = preparation.train(text)
        dispatcher = Dispatcher(self.accelerator)
        inheritance = Inheritance(objective.net, self.recipe.inheritance, self.folder.candidates)
        asks = self.accelerator.is_main_process
        band = bound.band if bound else None
        steers = strategy
        strategy = Proposals(self.program, self.recipe, self.journal, asks, band).joined(strategy)
        estimator = make_estimator(
            self.recipe, inheritance, text.rows, text.held_out, self.tasks, self.accelerator, self.objects.proxy
        )
        self._score_constant_answer(estimator)
        strategy = screened(strategy, self.recipe, objective.net.config, estimator.rows)
        strategy = steered(strategy, steers, self.recipe, self.journal.history)
        rungs = make_rungs(self.recipe, text.rows, text.held_out, self.tasks, self.accelerator)
        proxies = [(self.recipe.estimation.proxy, estimator.proxy), *((rung.proxy, proxy) for rung, proxy in rungs)]
        on_tasks = next((proxy for name, proxy in reversed(proxies) if name in self.tasks), None)
        return Prepared(text, objective, bound, strategy, estimator, rungs, on_tasks, dispatcher)

    def _limit(self, stopwatch: Stopwatch) -> tuple[LatencyBound | None, Strategy]:
        """The latency to keep to, if there is one, and the strategy that keeps to it."""
        bound = LatencyBound(self.recipe, stopwatch, self.journal) if self.recipe.bounds_latency else None
        band = bound.prepare() if bound else None
        return bound, make_proposing(as_begun(self.recipe, self.journal.history), band, self.objects.strategy)

    def _note(self, event: Data | TrainedSuperNet) -> None:
        """Have an event that was written elsewhere in this journal, too."""
        known = self.journal.history.first(type(event))
        if known is None:
            self.journal.append(event)
        elif replace(known, elapsed=event.elapsed) != event:
            raise JournalError(
                f"{self.folder.path} was searched with another text or super-net ({event.name_in_journal}): use "
                "another --output-dir"
            )

    def _score_constant_answer(self, estimator: Estimator) -> None:
        """Write down what a candidate scores that knows nothing, so that those that learnt nothing are known."""
        if self.accelerator.is_main_process and self.journal.history.constant_answer is None:
            score = score_without_a_model(estimator.proxy, estimator.rows)
            if score is not None:
                self.journal.append(ConstantAnswer(score=score))

    def _search(self, prepared: Prepared) -> Found:
        """Ask, score and tell until the budget is spent."""
        known, estimator = len(self.journal.history.candidates), prepared.estimator
        with self.reporter.phase(CANDIDATES, self.recipe.budget.candidates, known, "evaluated") as show:
            loop = SearchLoop(
                prepared.strategy,
                estimator.evaluate,
                lambda each: self.recipe.cost_budget.cost(each.layers, each.sizes, each.block).operations,
                self.recipe.budget,
                prepared.dispatcher,
                self.journal,
                show,
                estimator.inheritance.end_generation,
            )
            reason = loop.run()
        if report := screening_report(prepared.strategy, self.recipe, loop.done):
            self.reporter.say(report)
        ranked = [each.candidate for each in keeping(loop.ranked(), self.recipe, self.journal.history)]
        return Found(loop.done, ranked, reason, dict(prepared.strategy.rejections.most_common()))

    def _select(self, prepared: Prepared, found: Found) -> Selected:
        """The winner, what stands beside it, and the compromises."""
        bound, front = prepared.bound, list[Compromise]()
        predict = bound.band.predict if bound else None
        config, budget = prepared.objective.net.config, self.recipe.cost_budget
        compromises = partial(rank, config=config, budget=budget, predict=predict)
        rungs = Rungs(
            prepared.rungs,
            self._train(prepared),
            (lambda some, number: best_compromises(compromises(some), number)) if self.recipe.joint.front else by_score,
            self.folder.rungs,
            prepared.dispatcher,
            self.journal,
        )
        can_win = {each.identity for each in found.ranked}
        settled = rungs.climb([e for e in found.evaluations if e.candidate.identity in can_win], self.reporter)
        ranked = [each.candidate for each in by_score(settled)]
        if self.recipe.joint.front:
            ordered = compromises(settled)
            ranked, front = [each.candidate for each in ordered], find_front(ordered)
        # Whatever is within a latency comes after those that were looked at for longest.
        last = {each.identity for each in ranked}
        ranked += [each for each in found.ranked if each.identity not in last]
        best = bound.choose(ranked) if bound else ranked[0]
        baseline = self._baseline(best)
        self._score(baseline, prepared, {evaluation.candidate.identity for evaluation in found.evaluations})
        return Selected({BEST: best, **baseline, **name_models(front, best, self.recipe.joint.front)}, front)

    def _train(self, prepared: Prepared) -> TrainedOn:
        return TrainedOn(self.recipe, prepared.objective, prepared.text, self.accelerator)

    def _baseline(self, best: Candidate) -> dict[str, Candidate]:
        """What the winner is compared with.

        Its layers with a BERT of the same sizes; its sizes alone, which cost nothing but a search, with the same model
        from scratch.
        """
        name = self.names[1]
        bert = Candidate(tuple(architecture("bert", len(best.layers))), sizes=best.sizes, block=best.block)
        return {name: best if name == SCRATCH else bert}

    def _score(self, baseline: Mapping[str, Candidate], prepared: Prepared, known: Collection[str]) -> None:
        """Write down what the BERT beside the winner would have scored as a candidate, unless it was one."""
        asked = [each for name, each in baseline.items() if name != SCRATCH and each.identity not in known]
        if (scored := self.journal.history.baseline) is not None:
            for candidate in asked:
                self.journal.compare(scored, {"layers": list(candidate.layers)}, "the baseline")
            return

        def work(candidate: Candidate) -> dict[str, Any]:
            result = prepared.estimator.evaluate(candidate)
            prepared.estimator.inheritance.forget(candidate)  # none inherits from it
            return {"score": result.score, "standard_error": result.standard_error, "failure": result.failure}

        def write(number: int, result: dict[str, Any]) -> None:
            failure = None if result["failure"] is None else Failure(result["failure"])
            self.journal.append(Baseline(layers=list(asked[number].layers), **{**result, "failure": failure}))

        prepared.dispatcher.run(asked, work, write)

    def _finish(self, prepared: Prepared, found: Found, selected: Selected) -> None:
        """Train the finalists on, write their folders, and what was compared."""
        finalists, history = selected.finalists, self.journal.history
        final = FinalTraining(
            self.recipe,
            self.folder,
            self._train(prepared),
            prepared.text,
            prepared.on_tasks,
            len(found.evaluations),
            self.accelerator,
        )
        final.run(finalists, prepared.dispatcher, self.journal, self.reporter)
        if prepared.bound:
            prepared.bound.measured([history.finalists[name].candidate for name in finalists])
        if self.accelerator.is_main_process:
            self._remove_others(finalists)
            forget(self.folder.rungs)
        if selected.front and self.accelerator.is_main_process:
            write_json(self.folder.front, describe_front(selected.front, finalists, history))
        if not history.finished:
            processes = self.accelerator.num_processes
            self.journal.append(Finished(reason=found.reason, rejections=dict(found.rejections), processes=processes))

    def _remove_others(self, finalists: Collection[str]) -> None:
        """Remove the compromises that the search by a smaller budget kept."""
        front = self.folder.finalist(FRONT)
        if self.journal.history.of(Extended) and front.is_dir():
            check_claims(self.folder.path)
            for place in front.iterdir():
                if f"{FRONT}/{place.name}" not in finalists:
                    shutil.rmtree(place)
