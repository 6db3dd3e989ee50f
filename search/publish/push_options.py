"""The options of a push."""

from dataclasses import dataclass
from typing import Annotated

from autobert_zero_hf.options import Range, option


@dataclass
class PushOptions:
    """The page on the Hub."""

    private: bool = option(False, "make a new page private; a page that is public already is refused")
    revision: str | None = option(None, "the branch to push to, made where it does not exist; by default main")
    tag: str | None = option(None, "a tag for the commit, such as v1.0")
    timeout: Annotated[float, Range(0.001)] = option(
        60.0, "seconds without an answer after which a request is given up"
    )
    attempts: Annotated[int, Range(1)] = option(4, "times that is tried what the Hub refuses for the moment")
    wait: Annotated[float, Range(0.0)] = option(
        2.0, "seconds before the second attempt; each later one waits twice as long"
    )
