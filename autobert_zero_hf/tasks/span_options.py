"""The options of questions and answers."""

from dataclasses import dataclass
from typing import Annotated

from ..errors import AutoBertZeroError
from ..options import Range, find_problems, option


@dataclass
class SpanOptions:
    """Questions and answers (SQuAD)."""

    doc_stride: Annotated[int | None, Range(0)] = option(
        None, "tokens that neighbouring windows of a long context share [a third of a window: 128 of 384]"
    )
    n_best: Annotated[int, Range(1)] = option(20, "answers that are kept for each question, and starts and ends tried")
    max_answer_length: Annotated[int, Range(1)] = option(30, "tokens of an answer at most")
    no_answer_threshold: float = option(
        0.0, "SQuAD v2.0: no answer is given where its score exceeds that of the best answer by more than this"
    )

    def __post_init__(self) -> None:
        if problems := find_problems([SpanOptions], vars(self)):
            raise AutoBertZeroError("; ".join(problems))
