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
    """

    name: str
    target: float


def names_of(options: ShrinkOptions) -> list[str]:
    """The names of the budgets of a run, each once."""
    return list(_targets(options, encoder=1.0))


def budgets_of(options: ShrinkOptions, encoder: float) -> list[Budget]:
    """The budgets of a run, each once.

    Args:
        options: which ones.
        encoder: the milliseconds of the encoder.

    Raises:
        RecipeError: for one that the encoder meets as it is.
    """
    found = [Budget(name, target) for name, target in _targets(options, encoder).items()]
    for budget in found:
        if budget.target >= encoder:
            raise RecipeError(f"{budget.name}: the encoder takes {encoder:.2f} ms as it is; give a budget below that")
    return found


def _targets(options: ShrinkOptions, encoder: float) -> dict[str, float]:
    """The milliseconds of each budget, by its name."""
    given = {f"{value:.15g}ms": value for value in options.latency_ms}
    return given | {f"{value:.15g}x": encoder / value for value in options.speedup}


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
