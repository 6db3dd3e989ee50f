"""The phases of a search and of a shrink, and how much work each of them is, for the time that is left.

The unit is a row of text that a model is trained on, forwards and backwards; one that it is scored on is a third. How
long a row takes, the phases before tell: beforehand nothing is said. Formulas that are slower than others, and what
reading and writing take, make it no more than about right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from autobert_zero_hf.progress.plan import Planned
from autobert_zero_hf.tasks.kinds import AnyTask

from ..proxies.tasks import TaskOptions
from ..recipe.block_options import BlockRecipe
from ..recipe.recipe import Recipe
from ..recipe.shrink_options import ShrinkOptions
from ..runtime.status import CANDIDATES

_SCORED = 1 / 3
_BRIEF = 0.0
"""The work of what takes next to no time beside the trainings."""


def in_words(budgets: Sequence[str]) -> list[str]:
    """Each of the budgets of a run by its name, and which it is of how many."""
    return [f"{name} ({number} of {len(budgets)})" for number, name in enumerate(budgets, start=1)]


def phases_of_search(recipe: Recipe) -> list[Planned]:
    """Those of a search from the text to the winner.

    Args:
        recipe: of the search.
    """
    return [*_prepared(recipe, recipe.bounds_latency), *_searched(recipe)]


def phases_of_sizes(
    recipe: Recipe, options: ShrinkOptions, budgets: Sequence[str], tasks: Sequence[AnyTask]
) -> list[Planned]:
    """Those of a search for several budgets: a super-net, a search for each budget, fine-tunings of what was found.

    Args:
        recipe: of each search.
        options: the budgets.
        budgets: in words, as their searches have them.
        tasks: what the winners, and each from scratch, are fine-tuned on.
    """
    found = [*_prepared(recipe, bool(options.latency_ms or options.speedup))]
    found += [replace(phase, about=words) for words in budgets for phase in _searched(recipe)]
    return [*found, *_fine_tuned(2 * len(budgets), options, tasks)]


def phases_of_encoder(
    recipe: BlockRecipe, options: ShrinkOptions, names: Sequence[str], tasks: Sequence[AnyTask]
) -> list[Planned]:
    """Those of making an encoder faster, layer by layer.

    Args:
        recipe: of the run.
        options: of its budgets.
        names: of the phase of each budget's assemblies.
        tasks: what the encoder, and each of the models, is fine-tuned on.
    """
    healing, judged = recipe.healing, recipe.parts.swap_rows
    # A student learns from its teacher, which only looks at the same sentences.
    healed = 2 * len(names) * healing.healing_steps * healing.healing_batch_size * (1 + _SCORED)
    alike = [Planned(name, recipe.assembly.assemblies * judged * _SCORED) for name in names]
    served = [Planned("Quantised", None)] if recipe.latency.latency_runtime.endswith("-int8") else []
    return [
        Planned("Text", _BRIEF),
        Planned("Latency of the encoder", _BRIEF),
        Planned("Prices"),
        Planned("Activations"),
        Planned("Layers"),
        Planned("Prices"),
        *alike,
        Planned("Healing", healed),
        *served,
        *_fine_tuned(2 * len(names) + 1, options, tasks),
    ]


def _prepared(recipe: Recipe, measures: bool) -> Iterator[Planned]:
    net = recipe.supernet
    yield Planned("Text", _BRIEF)
    if measures:
        yield Planned("Latency")
    yield Planned("Super-net", net.supernet_steps * net.supernet_batch_size * net.backbones_per_step)


def _searched(recipe: Recipe) -> Iterator[Planned]:
    estimation, final = recipe.estimation, recipe.final
    trained = estimation.candidate_steps * estimation.candidate_batch_size
    each = trained + _scored_by(recipe, estimation.proxy, estimation.evaluation_rows)
    yield Planned(CANDIDATES, recipe.budget.candidates * each)
    for number, rung in enumerate(recipe.rungs, start=1):
        looked = _scored_by(recipe, rung.proxy, recipe.rows_of_rungs, rung.proxy_steps)
        yield Planned(f"Rung {number}", rung.candidates * (rung.steps * final.final_batch_size + looked))
    rates, others = len(final.baseline_rates), len(recipe.blocks_of_baseline(recipe.sizes.block)) - 1
    anew = others * rates * (final.final_steps + recipe.supernet.supernet_steps)
    steps = (1 + rates + recipe.joint.front) * final.final_steps + anew
    yield Planned("Final training", steps * final.final_batch_size)


def _scored_by(recipe: Recipe, proxy: str, rows: int, steps: int | None = None) -> float:
    """The work of scoring a model once."""
    options = recipe.own.get(TaskOptions) if proxy == "tasks" else None
    if options is None:
        return rows * _SCORED
    trained = options.task_batch_size * (options.task_steps if steps is None else steps)
    return float(len(options.tasks) * (trained + rows * _SCORED))


def _fine_tuned(models: int, options: ShrinkOptions, tasks: Sequence[AnyTask]) -> Iterator[Planned]:
    if tasks:
        rows = [
            len(task.train) if (most := options.evaluate_rows) is None else min(most, len(task.train)) for task in tasks
        ]
        work = models * options.evaluate_seeds * options.evaluate_epochs * sum(rows)
        yield Planned("Fine-tuning", work)
