"""The budgets of an encoder that is made faster."""

from dataclasses import dataclass

from ...recipe.errors import RecipeError
from ...recipe.shrink_options import ShrinkOptions


@dataclass(frozen=True)
class Budget:
    """What a model may take.

    Args:
        name: of its folder, such as `4ms` or `2x`.
        target: in milliseconds.
        speedup: how many times as fast as the encoder that is.
    """

    name: str
    target: float
    speedup: float


def budgets_of(options: ShrinkOptions, encoder: float) -> list[Budget]:
    """The budgets, each once.

    Args:
        options: which ones.
        encoder: the milliseconds of the encoder.
    """
    found = [Budget(f"{value:.15g}ms", value, encoder / value) for value in options.latency_ms]
    found += [Budget(f"{value:.15g}x", encoder / value, value) for value in options.speedup]
    return list({budget.name: budget for budget in found}.values())


def check_budgets(options: ShrinkOptions) -> None:
    """Refuse budgets that are none, or not for an encoder.

    Raises:
        RecipeError: if there are such.
    """
    if options.speedup_over is not None or options.max_parameters:
        raise RecipeError(
            "--speedup-over and --max-parameters belong to --method super-net: --speedup is over the encoder itself"
        )
    if not options.latency_ms and not options.speedup:
        raise RecipeError("give a budget: --speedup, how many times as fast as the encoder, or --latency-ms")
    if slow := [value for value in options.speedup if value <= 1]:
        raise RecipeError(f"--speedup {slow[0]:g}: a model that is faster than the encoder has more than 1")
