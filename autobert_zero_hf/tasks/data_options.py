"""The options of tasks that are read from somebody's own data set."""

from dataclasses import dataclass

from ..errors import AutoBertZeroError
from ..options import find_problems, option


@dataclass
class TaskDataOptions:
    """A data set of your own (--data)."""

    text_column: list[str] = option(
        (), "the column of texts or of words; two for pairs [recognised by its name: text, sentence, tokens, ...]"
    )
    label_column: str | None = option(
        None, "the column of labels, numbers or tags [recognised by its name: label, score, ner_tags, ...]"
    )
    data_config: str | None = option(None, "the configuration of a data set of the Hub, if it has several")
    skip_bad_rows: bool = option(
        False, "leave out rows without a text or a usable label, and count them, instead of refusing the data"
    )

    def __post_init__(self) -> None:
        problems = find_problems([TaskDataOptions], vars(self))
        if len(self.text_column) > 2:
            problems.append(f"text_column takes one column, or the two of a pair, not {len(self.text_column)}")
        if problems:
            raise AutoBertZeroError("; ".join(problems))
