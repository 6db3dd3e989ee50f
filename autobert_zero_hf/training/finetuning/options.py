"""The options of fine-tunings, and of evaluations, which are several of them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.bounds import MAX_POSITIONS
from autobert_zero_hf.options import Range, find_problems, option
from autobert_zero_hf.tasks.data_options import TaskDataOptions
from autobert_zero_hf.tasks.span_options import SpanOptions


@dataclass
class FineTuningOptions:
    """Fine-tuning."""

    epochs: Annotated[list[float], Range(0.001, 1_000_000)] = option(
        (3.0,),
        "passes over the training rows; of several numbers, here and below, the best on the validation rows",
        common=True,
    )
    batch_size: Annotated[list[int], Range(1, 1_000_000)] = option(
        (16,), "rows of a step, in all processes together", common=True
    )
    learning_rate: Annotated[list[float], Range(0.0)] = option(
        (),
        "peak learning rate [3e-5 x (768 / hidden size)^1.5: at 768 3e-5, at 384 8.5e-5, at 128 4.4e-4]",
        common=True,
    )
    patience: Annotated[int | None, Range(1)] = option(
        None, "stop after so many epochs without a better score; the best epoch's weights are kept in any case"
    )
    max_length: Annotated[int | None, Range(3, MAX_POSITIONS + 1)] = option(
        None, "tokens of a text, or of a pair; the rest is cut off [128; for questions 384, in windows]", common=True
    )
    train_rows: Annotated[int | None, Range(1)] = option(
        None, "train on so many rows only, drawn by the seed, if there are more", common=True
    )
    group_by_length: bool = option(
        True, "batches of texts of about the same length, which have little padding; or of any"
    )
    mixed_precision: Literal["no", "bf16", "fp16"] = option("no", "autocast of the training")
    seed: Annotated[int, Range(0, 2**32)] = option(
        0, "of the split, the classifier's weights and the order of the rows", common=True
    )

    def __post_init__(self) -> None:
        problems = find_problems([FineTuningOptions], vars(self))
        problems += [f"{name} needs a value" for name in ("epochs", "batch_size") if vars(self)[name] == []]
        if problems:
            raise AutoBertZeroError("; ".join(problems))


@dataclass
class EvaluationOptions:
    """Evaluation."""

    seeds: Annotated[int, Range(1, 10_000)] = option(
        3, "fine-tunings of each model on each task, with this many seeds", common=True
    )

    def __post_init__(self) -> None:
        if problems := find_problems([EvaluationOptions], vars(self)):
            raise AutoBertZeroError("; ".join(problems))


FINE_TUNING = (TaskDataOptions, FineTuningOptions, SpanOptions)
EVALUATION = (EvaluationOptions, *FINE_TUNING)
