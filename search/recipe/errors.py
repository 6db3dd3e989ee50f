"""What is wrong with a recipe."""

from collections.abc import Iterable

from autobert_zero_hf.errors import AutoBertZeroError


class RecipeError(AutoBertZeroError, ValueError):
    """A recipe that cannot be used; the message names every problem."""


def refuse(problems: Iterable[str]) -> None:
    """Refuse what has problems.

    Raises:
        RecipeError: naming all of them, if there are any.
    """
    if problems := list(problems):
        raise RecipeError("; ".join(problems))
