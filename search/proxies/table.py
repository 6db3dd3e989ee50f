"""The tables of proxies and of screens: what each is called, is made from, and says of itself."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from autobert_zero_hf.tables import Table, no_problems

from .proxy import Proxy

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from autobert_zero_hf.data.masked_rows import MaskedBatch
    from autobert_zero_hf.tasks.task import Task

    from .options import EstimationOptions


@dataclass(frozen=True)
class ProxyContext:
    """What every proxy is made from.

    Args:
        evaluation: the masked held-out rows to score on, as many as the recipe says.
        tokenizer: of the rows.
        length: the tokens of a row.
        rows: the rows that the recipe wants candidates to be scored on.
        seed: of the run.
        autocast: the precision of the run.
        tasks: what the proxy's `load` gave.
    """

    evaluation: "MaskedBatch"
    tokenizer: "PreTrainedTokenizerBase"
    length: int
    rows: int
    seed: int
    autocast: Callable[[], AbstractContextManager]
    tasks: "Sequence[Task]" = ()


@runtime_checkable
class PreparedProxy(Protocol):
    """A proxy that needs the rows of a search before it can score, where it is given as an object."""

    def prepared(self, context: ProxyContext) -> Proxy:
        """The proxy that scores on these rows."""
        ...


def prepared(given: Proxy | PreparedProxy, context: ProxyContext) -> Proxy:
    """The proxy that an object is, or gives.

    Args:
        given: a `Proxy`, or a `PreparedProxy`.
        context: of the search.
    """
    return given.prepared(context) if isinstance(given, PreparedProxy) else given


def _no_tasks(options: Any, seed: int) -> "Sequence[Task]":  # noqa: ARG001
    return ()


@dataclass(frozen=True)
class ProxyKind:
    """A proxy by its name.

    Args:
        name: what it is chosen by.
        words: what its score is, in a card, a report and the help.
        make: gives one from the context and its own options, an object of `options`.
        options: a dataclass of its own options; None where it has none.
        constant_answer: what has the score that its `score_without_a_model` gives, in words.
        scores_words: whether it scores the masked words of held-out rows. One that does not needs no head that predicts
            words, and leaves all held-out rows to the finalists.
        load: the tasks that it needs, by its own options and the seed, read before anything is trained.
        problems: what in its own options does not fit the others of an estimation, in words.
        steps: which of its own options says for how many steps it trains, which a rung may say otherwise.
    """

    name: str
    words: str
    make: Callable[[ProxyContext, Any], Proxy]
    options: type | None = None
    constant_answer: str = "a constant answer"
    scores_words: bool = True
    load: "Callable[[Any, int], Sequence[Task]]" = _no_tasks
    problems: "Callable[[Any, EstimationOptions], Iterable[str]]" = no_problems
    steps: str | None = None


@dataclass(frozen=True)
class ScreenKind:
    """A zero-cost proxy by its name: it looks at a model as it is, which it does not change, and needs no labels.

    Args:
        name: what it is chosen by.
        words: what it measures, in the help.
        make: gives one from (R, N) ids of tokens, rows of real text without padding.
    """

    name: str
    words: str
    make: "Callable[[Tensor], Proxy]"


_PACKAGE = __name__.rpartition(".")[0]
PROXIES: Table[ProxyKind] = Table("proxy", _PACKAGE)
SCREENS: Table[ScreenKind] = Table("measure of untrained models", _PACKAGE)
register = PROXIES.register
register_screen = SCREENS.register
