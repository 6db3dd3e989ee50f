"""The options that all strategies share."""

from dataclasses import dataclass
from typing import Annotated

from autobert_zero_hf.options import OneOf, Range, option

from .table import STRATEGIES


@dataclass
class StrategyOptions:
    """Where the search looks next."""

    strategy: Annotated[str, OneOf(STRATEGIES)] = option("op-nas", "what proposes candidates", common=True)
    population: Annotated[int, Range(1, 1_000_000)] = option(
        24, "random candidates in the first generation; of evolved sizes, the best so far that are parents"
    )
    starts: list[str] = option(
        (),
        "backbones that the first generation begins with, each its layers with | between, or bert or autobert-zero, "
        "where it belongs to the space; the others are drawn",
    )
    parents: Annotated[int, Range(1, 1_000_000)] = option(5, "best candidates that have children")
    children: Annotated[int, Range(1, 1_000_000)] = option(2, "children of a parent in a generation")
