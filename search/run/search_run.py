"""A search from the recipe to the exported winner; every phase is taken up where the journal ends."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, is_initialized
from accelerate.utils import InitProcessGroupKwargs, ProjectConfiguration, broadcast_object_list, parse_flag_from_env

from autobert_zero_hf.data.contents import find_contents
from autobert_zero_hf.launch.lost import waiting_for_the_launcher
from autobert_zero_hf.launch.precision import gains_from_bfloat16
from autobert_zero_hf.model import architecture
from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.writing import write_json

from ..latency.band import LatencyBand
from ..proxies.proxy import Proxy, score_without_a_model
from ..proxies.table import PreparedProxy
from ..recipe.choices import RecipeError
from ..recipe.options import option_groups
from ..recipe.recipe import Recipe
from ..runtime.dispatch import Dispatcher
from ..runtime.energy import measured_energy
from ..runtime.environment import warn_of_changes
from ..runtime.history import History
from ..runtime.journal import Journal, JournalError, recorded_recipe
from ..runtime.loop import SearchLoop
from ..runtime.progress import CANDIDATES, Reporter, clock
from ..runtime.records import Baseline, ConstantAnswer, Data, Finished, TrainedSuperNet
from ..runtime.run_folder import BEST, FRONT, SCRATCH, RunFolder, finalists_of
from ..runtime.tracking import Tracking, choose_trackers
from ..space.candidate import Candidate
from ..space.space import Space
from ..strategy.evaluation import Failure
from ..strategy.given import Given
from ..strategy.strategy import Reject, Strategy
from ..supernet.estimator import Estimator
from ..supernet.inheritance import Inheritance
from ..supernet.objectives import Objective
from .finalists import FinalTraining
from .from_options import load_tasks, make_estimator
from .front import Compromise, describe_front, find_front, name_models, rank
from .latency_bound import LatencyBound, Stopwatch
from .objects import NO_OBJECTS, Objects
from .preparation import Preparation, Text
from .screening import screened, screening_report


def search(
    recipe: Recipe,
    output_dir: str | Path,
    report_to: Sequence[str] = ("none",),
    *,
    strategy: Strategy | str | None = None,
    proxy: Proxy | PreparedProxy | str | None = None,
    space: Space | None = None,
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
    objects = Objects(None if isinstance(strategy, str) else strategy, None if isinstance(proxy, str) else proxy, space)
    recipe = objects.applied_to(Recipe.restored(find_models(option_groups(), recipe.to_dict())))
    with (
        accelerated(recipe, folder, choose_trackers(report_to)) as (recipe, accelerator),
        Reporter(accelerator.is_main_process) as reporter,
    ):
        run = SearchRun(recipe, folder, accelerator, reporter, objects=objects)
        unfinished = accelerator.is_main_process and run.journal.history.finished is None
        try:
            with measured_energy(folder.energy, begin=unfinished):
                run.run()
        finally:
            run.journal.close()
    return folder.best


@contextmanager
def accelerated(
    recipe: Recipe, folder: RunFolder, trackers: Sequence[str] = ()
) -> Iterator[tuple[Recipe, Accelerator]]:
    """The processes of a run, and its recipe with the precision that they work in.

    Args:
        recipe: what to do.
        folder: of the run.
        trackers: where to report to.
    """
    recipe = _with_precision(recipe, folder)
    with waiting_for_the_launcher():
        accelerator = Accelerator(
            mixed_precision=recipe.run.mixed_precision,
            log_with=list(trackers) or None,
            project_config=ProjectConfiguration(logging_dir=str(folder.logs)),
            # The others wait while one process reads a large text.
            kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=1))],
        )
        yield recipe, accelerator
        accelerator.end_training()  # of the trackers, and of what joins the processes


def _with_precision(recipe: Recipe, folder: RunFolder) -> Recipe:
    """The recipe with what `auto` means here: a search goes on in the precision that it was begun in."""
    # Accelerate keeps one precision for all of a process.
    in_use: Any = AcceleratorState().mixed_precision if is_initialized() else None
    if recipe.run.mixed_precision != "auto":
        precision: Any = recipe.run.mixed_precision
    else:
        precision = recorded_recipe(folder.journal).get("mixed_precision", in_use)
    if in_use not in (None, precision):
        raise RecipeError(
            f"mixed_precision is {precision}, but this process works in {in_use} already (accelerate): search in a new "
            "process"
        )
    if precision not in ("no", "bf16"):
        on_gpu = torch.cuda.is_available() and not parse_flag_from_env("ACCELERATE_USE_CPU")
        gains = gains_from_bfloat16(torch.device("cuda" if on_gpu else "cpu"))
        # On a CPU, bf16 was level with float32 on random sub-models of 4 x 256, and far slower on tiny ones.
        precision = "bf16" if gains and (on_gpu or recipe.searched_sizes is None) else "no"
    return replace(recipe, run=replace(recipe.run, mixed_precision=precision))


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


class SearchRun:
    """A search, in all processes.

    Args:
        recipe: what to do.
        folder: where.
        accelerator: the processes.
        reporter: says what happens.
        shared: what is prepared already; by itself the search prepares all.
        budget: what the models may cost, in words; that of the recipe, if it is empty.
        objects: what stands in the place of the recipe's strategy, proxy and space.
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
    ):
        self.recipe = recipe
        self.folder = folder
        self.accelerator = accelerator
        self.reporter = reporter
        self.shared = shared
        self.finalists = finalists_of(recipe.to_dict())
        self.band: LatencyBand | None = None
        self.bound: LatencyBound | None = None
        self.objects = objects
        self.given = None if objects.strategy is None else Given(objects.strategy, recipe.search_space, self._reject)
        self.strategy = self.given or _new_strategy(recipe, self._reject)
        self.tasks = () if objects.proxy else load_tasks(recipe)
        self.journal = self._open_journal()
        self.tracking = Tracking(accelerator, self.journal, recipe.supernet.supernet_steps)
        self.reporter.follow(self.journal, budget or recipe.latency_budget)

    def _reject(self, candidate: Candidate) -> str | None:
        return _reject(self.recipe, self.band, candidate)  # the band is known once its latencies are measured

    def _open_journal(self) -> Journal:
        if self.accelerator.is_main_process and not self.folder.journal.exists():
            for name in (*self.finalists, FRONT):
                if (place := self.folder.finalist(name)).exists():
                    raise JournalError(
                        f"{place} is not of a search (there is no journal): it would be lost, "
                        "so use another --output-dir"
                    )
        return open_journal(self.recipe, self.folder, self.accelerator, self.objects)

    def run(self) -> None:
        """Do all that is not done yet."""
        history, folder = self.journal.history, self.folder
        finished, names = history.finished, {*self.finalists, *history.finalists}
        if finished and all(folder.finalist(name).is_dir() for name in names):
            self.reporter.say(f"The search in {folder.path} is finished: {finished.reason}.")
            return
        if len(history.events) > 1:
            self.reporter.say(f"Resuming the search in {folder.path}, {clock(self.journal.spent_before)} old.")
            if self.shared is None and self.accelerator.is_main_process:
                warn_of_changes(folder.path, history.start.environment)
        self.tracking.start(folder.path.resolve().name, self.recipe.to_dict())
        text, objective = self._prepare()
        net = objective.net
        config = net.config
        dispatcher = Dispatcher(self.accelerator)
        inheritance = Inheritance(net, self.recipe.inheritance, folder.candidates)
        estimator = make_estimator(
            self.recipe, inheritance, text.rows, text.held_out, self.tasks, self.accelerator, self.objects.proxy
        )
        self._score_constant_answer(estimator)
        loop, reason = self._find(estimator, dispatcher)
        ranked = [evaluation.candidate for evaluation in loop.ranked()]
        bound, front = self.bound, list[Compromise]()
        if self.recipe.joint.front:
            predict = bound.band.predict if bound else None
            compromises = rank(loop.done, config, self.recipe.cost_budget, predict)
            ranked, front = [each.candidate for each in compromises], find_front(compromises)
        best = bound.choose(ranked) if bound else ranked[0]
        baseline = self._baseline(best)
        self._score(baseline, estimator, dispatcher, {evaluation.candidate.identity for evaluation in loop.done})
        finalists = {BEST: best, **baseline, **name_models(front, best, self.recipe.joint.front)}
        final = FinalTraining(
            self.recipe,
            self.folder,
            objective,
            text,
            estimator.proxy if self.tasks else None,
            len(loop.done),
            self.accelerator,
        )
        final.run(finalists, dispatcher, self.journal, self.reporter)
        if bound:
            bound.measured(list(finalists.values()))
        if front and self.accelerator.is_main_process:
            write_json(folder.front, describe_front(front, finalists, history))
        if not finished:
            rejections = dict(self.strategy.rejections.most_common())
            processes = self.accelerator.num_processes
            self.journal.append(Finished(reason=reason, rejections=rejections, processes=processes))

    def _prepare(self) -> tuple[Text, Objective]:
        """The text, and what the super-net learnt; a latency that none meets is refused before that is trained."""
        if (shared := self.shared) is not None:
            self._note(shared.text.data)
            self._bound_latency(shared.stopwatch)
            self._note(shared.supernet)
            return shared.text, shared.objective
        preparation = Preparation(
            self.recipe, self.folder, self.tasks, self.accelerator, self.journal, self.reporter, self.tracking
        )
        text = preparation.read()
        config = preparation.config(text.rows.tokenizer)
        self._bound_latency(Stopwatch(self.recipe, self.folder, config, self.accelerator, self.reporter))
        return text, preparation.train(text)

    def _bound_latency(self, stopwatch: Stopwatch) -> None:
        if self.recipe.bounds_latency:
            self.bound = LatencyBound(self.recipe, stopwatch, self.journal)
            self.band = self.bound.prepare()
        check_budget(self.recipe, self.band, self.given)

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

    def _baseline(self, best: Candidate) -> dict[str, Candidate]:
        """What the winner is compared with.

        Its layers with a BERT of the same sizes; its sizes alone, which cost nothing but a search, with the same model
        from scratch.
        """
        name = self.finalists[1]
        bert = Candidate(tuple(architecture("bert", len(best.layers))), sizes=best.sizes)
        return {name: best if name == SCRATCH else bert}

    def _score_constant_answer(self, estimator: Estimator) -> None:
        """Write down what a candidate scores that knows nothing, so that those that learnt nothing are known."""
        if self.accelerator.is_main_process and self.journal.history.constant_answer is None:
            score = score_without_a_model(estimator.proxy, estimator.rows)
            if score is not None:
                self.journal.append(ConstantAnswer(score=score))

    def _score(
        self, baseline: Mapping[str, Candidate], estimator: Estimator, dispatcher: Dispatcher, known: Collection[str]
    ) -> None:
        """Write down what the BERT beside the winner would have scored as a candidate, unless it was one."""
        asked = [each for name, each in baseline.items() if name != SCRATCH and each.identity not in known]
        if (scored := self.journal.history.baseline) is not None:
            for candidate in asked:
                self.journal.compare(scored, {"layers": list(candidate.layers)}, "the baseline")
            return

        def work(candidate: Candidate) -> dict[str, Any]:
            result = estimator.evaluate(candidate)
            estimator.inheritance.forget(candidate)  # none inherits from it
            return {"score": result.score, "standard_error": result.standard_error, "failure": result.failure}

        def write(number: int, result: dict[str, Any]) -> None:
            failure = None if result["failure"] is None else Failure(result["failure"])
            self.journal.append(Baseline(layers=list(asked[number].layers), **{**result, "failure": failure}))

        dispatcher.run(asked, work, write)

    def _find(self, estimator: Estimator, dispatcher: Dispatcher) -> tuple[SearchLoop, str]:
        """All that was evaluated, and why the search ended."""
        known = len(self.journal.history.candidates)
        self.strategy = screened(self.strategy, self.recipe, estimator.inheritance.net.config, estimator.rows)
        with self.reporter.phase(CANDIDATES, self.recipe.budget.candidates, known) as show:
            loop = SearchLoop(
                self.strategy,
                estimator.evaluate,
                lambda candidate: self.recipe.cost_budget.cost(candidate.layers, candidate.sizes).operations,
                self.recipe.budget,
                dispatcher,
                self.journal,
                show,
                estimator.inheritance.end_generation,
            )
            reason = loop.run()
        if report := screening_report(self.strategy, self.recipe, loop.done):
            self.reporter.say(report)
        return loop, reason


def _new_strategy(recipe: Recipe, reject: Reject) -> Strategy:
    rng = random.Random(f"{recipe.run.seed}/strategy")
    try:
        return recipe.make_strategy(rng, reject)
    except (ValueError, ModuleNotFoundError) as error:
        raise RecipeError(str(error)) from error


def _reject(recipe: Recipe, band: LatencyBand | None, candidate: Candidate) -> str | None:
    # The cheaper check first.
    return recipe.cost_budget(candidate) or (band(candidate) if band else None)


def check_budget(recipe: Recipe, band: LatencyBand | None, given: Given | None = None) -> None:
    """See that the strategy proposes something, before anything is trained: its first generation is always the same.

    Args:
        recipe: of the search.
        band: of latencies to keep to.
        given: the strategy that is an object.

    Raises:
        RecipeError: if all that it draws is rejected; it says for what.
    """
    strategy = given or _new_strategy(recipe, partial(_reject, recipe, band))
    if not (given.first() if given else strategy.ask()):
        counts = ", ".join(f"{count:,} {reason}" for reason, count in strategy.rejections.most_common())
        raise RecipeError(
            f"the strategy {given or recipe.strategy.strategy} finds no backbone within the limits (of its draws "
            f"{counts}): give wider limits, or another --strategy"
        )


def open_journal(recipe: Recipe, folder: RunFolder, accelerator: Accelerator, objects: Objects = NO_OBJECTS) -> Journal:
    """The journal of a run itself in the main process, its events in the others.

    Raises:
        JournalError: if it is of another recipe, or damaged.
        WritingError: if another process is at work in the folder.
    """
    options, path = recipe.to_dict(), folder.journal
    journal: Journal | None = None
    if accelerator.is_main_process:
        parts = {"origins": recipe.origins(), "objects": objects.names}
        journal = Journal.open(path, options, find_contents(option_groups(), options), parts)
    events = broadcast_object_list([journal.history.events if journal else None])[0]
    return journal or Journal.following(path, options, History(events))
