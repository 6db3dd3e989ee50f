"""The options of a search for several budgets."""

from dataclasses import dataclass
from typing import Annotated

from autobert_zero_hf.options import Range, find_problems, option, option_names

from .choices import RecipeError
from .options import InheritanceOptions, JointOptions, ScreenOptions, SpaceOptions, option_groups

METHODS = ("blocks", "super-net")
"""How something is made smaller; the first by itself."""
RECIPE = "shrink"
BUDGETS = ("latency_ms", "speedup_over", "speedup", "front")
"""What a recipe says of budgets; shrinking has its own."""
SIZES = tuple(name for name in option_names([JointOptions]) if name not in BUDGETS)


def shrink_groups() -> tuple[type, ...]:
    """The options that shrinking has, as a search does: not those of what layers can be."""
    left_out = (SpaceOptions, JointOptions, ScreenOptions, InheritanceOptions)
    return tuple(group for group in option_groups() if group not in left_out)


@dataclass
class ShrinkOptions:
    """The budgets, one search each, and the tasks that the winners are fine-tuned on."""

    latency_ms: Annotated[list[float], Range(1e-6)] = option((), "milliseconds that a model may take", common=True)
    speedup: Annotated[list[float], Range(1e-6)] = option(
        (), "how many times as fast as that of --speedup-over", common=True
    )
    speedup_over: str | None = option(
        None, "a model, folder or Hub name, that the models are to be faster than", "model", common=True
    )
    max_parameters: Annotated[list[int], Range(1)] = option(
        (), "parameters at most, of all layers, or as --max-parameters-of says", common=True
    )
    evaluate_on: list[str] = option((), "tasks, as `evaluate` takes them, to fine-tune the winners on", common=True)
    data: str | None = option(
        None, "a folder with a folder for each of these tasks, or a data set, such as a CSV, as one", "tasks"
    )
    evaluate_seeds: Annotated[int, Range(1, 10_000)] = option(3, "fine-tunings of each winner on each task")
    evaluate_rows: Annotated[int | None, Range(2)] = option(None, "rows of a task to train on at most")
    evaluate_epochs: Annotated[float, Range(0.0, 1_000_000)] = option(3.0, "passes over them")

    def __post_init__(self) -> None:
        if problems := find_problems([ShrinkOptions], vars(self)):
            raise RecipeError("; ".join(problems))
