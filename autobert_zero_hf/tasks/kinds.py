"""The kinds of tasks, and what fine-tuning takes of each: its head, its collator, its length, its encoding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
)

from .encoding import EncodedTask, encode_texts
from .multi_label import MultiLabelTask
from .span_options import SpanOptions
from .spans import encode_spans
from .squad import SpanTask
from .task import Task
from .tokens import TokenTask, encode_words

AnyTask = Task | MultiLabelTask | TokenTask | SpanTask


@dataclass(frozen=True)
class Kind:
    """What fine-tuning takes of a kind of tasks.

    Args:
        auto_model: the Auto class of its head.
        collator: makes what pads the rows of a batch, of a tokenizer.
        length: tokens of a row, unless something else is asked for.
        encode: makes tokens of a task's rows: of the task, a tokenizer, the tokens of a row, and how questions are cut.
    """

    auto_model: Any
    collator: Callable[[PreTrainedTokenizerBase], Any]
    length: int
    encode: Callable[[Any, PreTrainedTokenizerBase, int, SpanOptions], EncodedTask]


_TEXTS = Kind(
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    128,
    lambda task, tokenizer, length, _: encode_texts(task, tokenizer, length),
)
_KINDS: dict[type, Kind] = {
    Task: _TEXTS,
    MultiLabelTask: _TEXTS,
    TokenTask: Kind(
        AutoModelForTokenClassification,
        DataCollatorForTokenClassification,
        128,
        lambda task, tokenizer, length, _: encode_words(task, tokenizer, length),
    ),
    SpanTask: Kind(AutoModelForQuestionAnswering, DataCollatorWithPadding, 384, encode_spans),
}


def kind_of(task: AnyTask) -> Kind:
    """What fine-tuning takes of a task."""
    return _KINDS[type(task)]
