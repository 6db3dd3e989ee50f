"""Sizes for several budgets from one super-net (AutoTinyBERT, 2021.acl-long.400): one search each, and their table.

The text, the super-net and the measured latencies lie in the run's folder; each budget has a folder of its own in it,
which is that of a search: journal, winner, and the same model from scratch beside it.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from autobert_zero_hf.data.contents import digest, leads_to_same
from autobert_zero_hf.model import AutoBertZeroModel
from autobert_zero_hf.model_folder import find_models
from autobert_zero_hf.progress.reporter import Reporter
from autobert_zero_hf.progress.status import Status
from autobert_zero_hf.training.finetuning.training import AnyTask

from ..latency.measuring import check_runtime, open_base
from ..proxies.tasks import TaskOptions
from ..publish.facts import ConstantAnswer
from ..publish.shrink_table import as_markdown, as_picture
from ..recipe.choices import RecipeError
from ..recipe.options import option_groups
from ..recipe.recipe import Recipe
from ..recipe.shrink_options import ShrinkOptions
from ..runtime.codec import to_json
from ..runtime.environment import warn_of_changes
from ..runtime.history import History
from ..runtime.journal import Journal
from ..runtime.latency_records import Base, Measured
from ..runtime.records import Budgets
from ..runtime.run_folder import BEST, SCRATCH, RunFolder
from ..runtime.tracking import Tracking
from .accelerated import accelerated, open_journal
from .from_options import load_tasks
from .latency_bound import LatencyBound, Stopwatch
from .limits import make_proposing
from .phases import in_words, phases_of_sizes
from .preparation import Preparation
from .search_run import SearchRun, Shared
from .shrink_evaluation import Precision, fine_tuned, load_evaluation_tasks, write_table


@dataclass(frozen=True)
class ShrinkBudget:
    """What a model may take, and the folder of its search.

    Args:
        name: of the folder, such as `4ms`, `2x` or `500000-parameters`.
        changes: the options of the recipe that say so.
    """

    name: str
    changes: dict[str, Any]


def budgets_of(options: ShrinkOptions, base_ms: float | None = None) -> list[ShrinkBudget]:
    """The budgets of a shrink, each once.

    Args:
        options: which ones.
        base_ms: the latency of the model to be faster than, once it is measured.

    Raises:
        RecipeError: if there is none, or a speed-up over nothing.
    """
    if bool(options.speedup) != (options.speedup_over is not None):
        raise RecipeError("--speedup-over names a model and --speedup how many times as fast: give both, or neither")
    # Two budgets that differ have two names.
    found = [ShrinkBudget(f"{value:.15g}ms", {"latency_ms": value}) for value in options.latency_ms]
    found += [
        ShrinkBudget(f"{value:.15g}x", {"latency_ms": None if base_ms is None else base_ms / value})
        for value in options.speedup
    ]
    found += [ShrinkBudget(f"{value}-parameters", {"max_parameters": value}) for value in options.max_parameters]
    if not found:
        raise RecipeError("give a budget: --latency-ms, --speedup with --speedup-over, or --max-parameters")
    return list({budget.name: budget for budget in found}.values())


def shrink_super_net(recipe: Recipe, options: ShrinkOptions, output_dir: str | Path) -> dict[str, Any]:
    """Search sizes for each budget on one super-net, and compare what was found.

    Files in `output_dir`: `journal.jsonl`, `recipe.yaml`, `tokenizer/`, `supernet.pt` and `latency.jsonl`, which all
    searches share; for each budget a folder of a search; `evaluation/` where tasks are given; and the table,
    `shrink.json`, `shrink.md` and `shrink.svg`.

    Args:
        recipe: of all searches, without a budget.
        options: the budgets, and what to fine-tune on.
        output_dir: where; what was begun there goes on.

    Returns:
        What `shrink.json` says.

    Raises:
        RecipeError: if the recipe searches no sizes, or there is no budget.
        LatencyError: if no sub-model meets a budget; its closest is named, and nothing was trained.
        JournalError: if the folder holds another run.
    """
    budgets = in_words([budget.name for budget in budgets_of(options)])
    recipe = Recipe.restored(find_models(option_groups(), recipe.to_dict()))
    options = replace(options, **find_models([ShrinkOptions], vars(options)))
    if recipe.searched_sizes is None or not recipe.sub_models.layers:
        raise RecipeError("shrink searches the sizes of one backbone: search_sizes and layers are missing")
    if options.latency_ms or options.speedup:
        check_runtime(recipe.latency)
    folder = RunFolder(Path(output_dir))
    # Read before anything is trained: a task that is not there ends a run that has not begun.
    tasks = load_evaluation_tasks(options, recipe.run.seed)
    with accelerated(recipe, folder) as (recipe, accelerator), Reporter(accelerator.is_main_process) as reporter:
        run = _Shrinking(recipe, options, folder, accelerator, reporter)
        reporter.expect(phases_of_sizes(recipe, options, budgets, tasks))
        with closing(run.journal):
            run.run()
            if tasks:
                run.fine_tune(tasks)
            return run.write()


class _Shrinking:
    def __init__(
        self, recipe: Recipe, options: ShrinkOptions, folder: RunFolder, accelerator: Accelerator, reporter: Reporter
    ):
        self.recipe = recipe
        self.options = options
        self.folder = folder
        self.accelerator = accelerator
        self.reporter = reporter
        self.journal = open_journal(recipe.to_dict(), folder, accelerator, {"origins": recipe.origins()})
        self.tracking = Tracking(accelerator, self.journal, recipe.supernet.supernet_steps)
        self.rows: list[dict[str, Any]] = []
        self.base: Base | None = None
        self.evaluation: dict[str, Any] | None = None

    def run(self) -> None:
        preparation = Preparation(
            self.recipe,
            self.folder,
            load_tasks(self.recipe, self.recipe.chosen("proxy")),
            self.accelerator,
            self.journal,
            self.reporter,
            self.tracking,
        )
        history = self.journal.history
        if history.events and self.accelerator.is_main_process:
            warn_of_changes(self.folder.path, history.start.environment)
        text = preparation.read()
        config = preparation.config(text.rows.tokenizer)
        stopwatch = Stopwatch(self.recipe, self.folder, config, self.accelerator, self.reporter)
        if self.options.latency_ms or self.options.speedup:
            self.base = self._measure_base(stopwatch)
        budgets = budgets_of(self.options, None if self.base is None else self.base.median)
        recipes = [self._recipe_of(budget) for budget in budgets]
        if self.accelerator.is_main_process and history.budgets is None:
            # By this event, which no search has, the folder is known for what it is.
            self.journal.append(Budgets(names=[budget.name for budget in budgets]))
        for recipe in recipes:  # a budget that cannot be met is said before anything is trained
            band = None
            if recipe.bounds_latency:
                unwritten = Journal(None, recipe.to_dict(), History())
                band = LatencyBound(recipe, stopwatch, unwritten).prepare()
            make_proposing(recipe, band)
        objective = preparation.train(text)
        assert history.supernet is not None
        shared = Shared(text, objective, history.supernet, stopwatch)
        for budget, recipe, words in zip(budgets, recipes, in_words([each.name for each in budgets]), strict=True):
            place = self.folder.budget(budget.name)
            search = SearchRun(recipe, place, self.accelerator, self.reporter, shared, words)
            with closing(search.journal):
                search.run()
                # The others are not told of every event.
                main = self.accelerator.is_main_process
                row = describe_budget(budget.name, search.journal.history, self.base) if main else None
                self.rows += broadcast_object_list([row])
        self.reporter.follow(Status())

    def _measure_base(self, stopwatch: Stopwatch) -> Base:
        """The latency of the model to be faster than, or of the largest sub-model; each is measured once."""
        path, main = self.options.speedup_over, self.accelerator.is_main_process
        known = self._base_of(path)
        # Opened before minutes of measuring: it may not be there.
        opened = open_base(path) if path and not known and main else AutoBertZeroModel(stopwatch.config)
        stopwatch.collect()
        if known is None and main:
            (found,) = stopwatch.measure([opened])
            self.journal.append(
                Base(
                    model=path,
                    interval=found.interval,
                    median=found.median,
                    p95=found.p95,
                    passes=found.passes,
                    digest=_digest_of(path),
                )
            )
            known = self._base_of(path)
        (base,) = broadcast_object_list([known])
        assert isinstance(base, Base)
        return base

    def _base_of(self, path: str | None) -> Base | None:
        here, bases = _digest_of(path), self.journal.history.bases
        return next((each for each in bases if leads_to_same("model", each.model, each.digest, path, here)), None)

    def _recipe_of(self, budget: ShrinkBudget) -> Recipe:
        return Recipe.restored({**self.recipe.to_dict(), **budget.changes})

    def fine_tune(self, tasks: Sequence[AnyTask]) -> None:
        """Fine-tune the winner of each budget, and the same model from scratch, on each task."""
        places = [self.folder.budget(row["budget"]) for row in self.rows]
        models = [str(place.finalist(name)) for place in places for name in (BEST, SCRATCH)]
        run = self.recipe.run
        precision: Precision = "bf16" if run.mixed_precision == "bf16" else "no"
        self.evaluation = fine_tuned(models, tasks, self.options, run.seed, precision, self.folder, self.reporter)

    def write(self) -> dict[str, Any]:
        """Write the table."""
        chose = list(self.recipe.own[TaskOptions].tasks)
        base = None if self.base is None else to_json(self.base)
        facts = {"base": base, "budgets": self.rows, "evaluation": self.evaluation, "tasks_that_chose": chose}
        if self.accelerator.is_main_process:
            write_table(self.folder, facts, as_markdown(facts), as_picture(facts))
        return facts


def describe_budget(name: str, history: History, base: Base | None) -> dict[str, Any]:
    """A row of the table: what was found for a budget, and how it was measured.

    Args:
        name: of the budget.
        history: of its search, which is finished.
        base: the latency of the model that the speed-up is over; None where none was measured.
    """
    best, scratch, target = history.finalists[BEST], history.finalists[SCRATCH], history.latency
    assert best.sizes is not None
    latency = history.measured(best.candidate.identity)
    difference, error = best.score.difference(scratch.score)
    constant = ConstantAnswer.of(history)
    return {
        "budget": name,
        "sizes": best.sizes.to_dict(),
        "parameters": best.parameters,
        "candidates": len(history.candidates),
        "constant_answer": None if constant is None else asdict(constant),
        "target_ms": None if target is None else target.target,
        "latency": None if latency is None else _told(latency),
        "speed_up": None if latency is None or base is None else latency.speed_up_over(base),
        "accuracy": best.accuracy,
        "standard_error": best.standard_error,
        "scratch_accuracy": scratch.accuracy,
        "scratch_standard_error": scratch.standard_error,
        "difference": difference,
        "difference_standard_error": error,
    }


def _digest_of(path: str | None) -> str | None:
    """Of a model's files; None where there are none, as of a name of the Hub."""
    found = digest("model", path) if path else None
    return found if isinstance(found, str) else None


def _told(latency: Measured) -> dict[str, Any]:
    facts = {"median": latency.median, "p95": latency.p95, "interval": list(latency.interval)}
    return {**facts, "verdict": latency.verdict}
