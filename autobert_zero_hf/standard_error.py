"""Standard errors, and what is said of one: a sample without variation does not tell it, so that it is unknown: None.

All right, all wrong, or a single row: an error of nought would claim what nobody knows.
"""

import math
from collections.abc import Sequence

_ROUNDING = 1e-12
"""Scores are of the order of 1: a smaller error is that of adding numbers up."""


def is_known(error: float | None) -> bool:
    """Whether an error is one; what older versions wrote of a sample without variation, 0 or infinity, is none."""
    return error is not None and _ROUNDING < error < math.inf


def if_known(error: float) -> float | None:
    """An error as it was computed, or None where the sample had no variation."""
    return error if is_known(error) else None


def mean_error(errors: Sequence[float | None]) -> float | None:
    """The standard error of a mean of independent values; None where that of one of them is not known.

    >>> mean_error([0.3, 0.4]), mean_error([0.3, None])
    (0.25, None)
    """
    known = [error for error in errors if error is not None]
    return math.sqrt(sum(e**2 for e in known)) / len(errors) if errors and len(known) == len(errors) else None


def say_error(error: float | None, digits: int = 4) -> str:
    """An error in so many digits, one that they do not show by its order, and one that is not known as "unknown".

    >>> say_error(0.0123), say_error(0.00001), say_error(None)
    ('0.0123', '1e-05', 'unknown')
    """
    if error is None or not is_known(error):
        return "unknown"
    return f"{error:.{digits}f}" if error >= 0.5 * 10**-digits else f"{error:.0e}"


def plus_minus(value: float, error: float | None, digits: int = 4, signed: bool = False) -> str:
    """A score, or a difference of two, with its standard error.

    >>> plus_minus(0.5, 0.0123), plus_minus(0.5, None, signed=True)
    ('0.5000 ± 0.0123', '+0.5000 ± unknown')
    """
    return f"{value:{'+' * signed}.{digits}f} ± {say_error(error, digits)}"


def length_of_bar(error: float | None) -> float:
    """How far a chart's bar reaches to either side; not a number, for which none is drawn, where that is not known."""
    return math.nan if error is None or not is_known(error) else error
