"""The options that all proxies share, and those of screening by one."""

from dataclasses import dataclass
from typing import Annotated

from autobert_zero_hf.options import OneOf, Range, option

from .table import PROXIES, SCREENS


@dataclass
class EstimationOptions:
    """How a candidate is scored."""

    proxy: Annotated[str, OneOf(PROXIES)] = option("accuracy", "what is measured")
    candidate_steps: Annotated[int, Range(0)] = option(8, "training steps of a candidate on its inherited weights")
    candidate_batch_size: Annotated[int, Range(1, 1_000_000)] = option(8, "rows of such a step")
    candidate_learning_rate: Annotated[float, Range(0.0)] = option(5e-4, "learning rate of such a step")
    candidate_seconds: Annotated[float, Range(0.0)] = option(
        600.0, "seconds after which the training of a candidate is given up; it counts as a failure"
    )
    evaluation_rows: Annotated[int, Range(2)] = option(
        256, "held-out rows that every candidate is scored on, with the same masks; of a task, validation rows"
    )


@dataclass
class ScreenOptions:
    """What is trained of what the strategy proposes."""

    screen_by: Annotated[str | None, OneOf(SCREENS)] = option(
        None, "train only the best of each generation by a measure of untrained models"
    )
    screen_keep: Annotated[float | None, Range(1e-6, 1.000001)] = option(
        None, "share of a generation that is trained, with --screen-by; by default half"
    )
