"""The events of a search: what each of them holds, and what it must agree with."""

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from autobert_zero_hf.analysis.layers import Analysis
from autobert_zero_hf.data.contents import Digest
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.origins import NOT_REGISTERED
from autobert_zero_hf.options import Range, find_problems, option_names, with_defaults
from autobert_zero_hf.tables import Table
from autobert_zero_hf.training.replayable.masked_lm import MaskedScore

from ..proxies.table import PROXIES, SCREENS
from ..recipe.choices import groups_of
from ..recipe.options import BudgetOptions, SteeringOptions
from ..recipe.rungs import readable
from ..space.candidate import DRAWN, Candidate
from ..space.sizes import Sizes
from ..space.steering import Steering
from ..strategy.evaluation import Failure
from ..strategy.table import STRATEGIES
from .environment import Environment
from .events import Count, Counts, Curve, Error, Event, Score, Seconds, event
from .run_folder import BASELINES

if typing.TYPE_CHECKING:
    from .history import History

_FINALIST = re.compile(r"best|bert|scratch|front/[1-9]\d*")


class _Backbone(Event):
    """An event of a backbone, with sizes and a block where these are searched."""

    layers: list[str]
    sizes: Sizes | None
    block: str | None

    @cached_property
    def candidate(self) -> Candidate:
        """The backbone as a point of the search space."""
        return Candidate(tuple(self.layers), sizes=self.sizes, block=self.block)

    def is_of(self, other: "_Backbone") -> bool:
        """Whether the two have the same layers, sizes and block."""
        return (self.layers, self.sizes, self.block) == (other.layers, other.sizes, other.block)

    def _blocks(self, recipe: Mapping[str, Any]) -> list[str | None]:
        """Those that it may have."""
        return recipe["blocks"] or [None]

    def contradiction(self) -> str | None:
        """No layers, or sizes of another number of layers."""
        if not self.layers:
            return "`layers` is empty"
        sizes = self.sizes
        if sizes is not None and (min(sizes.to_dict().values()) < 1 or sizes.num_hidden_layers != len(self.layers)):
            return f"`sizes` are none of {len(self.layers)} layers: {excerpt(sizes.to_dict())}"
        return super().contradiction()

    def contradiction_to(self, before: "History") -> str | None:
        """Sizes where none are searched, or none where they are."""
        sized = before.recipe["search_sizes"] != "no"
        if (self.sizes is not None) != sized:
            return f"`sizes` {'is missing' if sized else 'is there'}, against the recipe"
        if self.block not in (blocks := self._blocks(before.recipe)):
            return f"`block` is {excerpt(self.block)}, and the recipe has {excerpt(blocks)}"
        return super().contradiction_to(before)


class _Scored(Event):
    """An event with a score, or with the reason why there is none."""

    score: float | None
    failure: Failure | None

    def contradiction(self) -> str | None:
        """Both of them, or neither."""
        if (self.score is None) != (self.failure is not None):
            return "it has both a `score` and a `failure`, or neither"
        return super().contradiction()


@event("start", once=True)
@dataclass(frozen=True, kw_only=True)
class Start(Event):
    """The first event.

    Args:
        version: of the journal.
        identity: of the run; empty where an older version began it.
        recipe: the options that it was begun with, those that its version had.
        contents: digests of what paths among them led to.
        environment: what it was begun on; None where an older version began it.
        origins: the modules of parts that are not of this package, by what they are and their names.
        objects: the classes of what was given in Python in the place of options, by what it is.
    """

    version: int
    identity: str
    recipe: dict[str, Any]
    contents: dict[str, Digest] | None = None
    origins: dict[str, str] | None = None
    objects: dict[str, str] | None = None
    environment: Environment | None = None

    @cached_property
    def options(self) -> dict[str, Any]:
        """The recipe as it is today: what it lacks has its default."""
        return with_defaults(groups_of(self.recipe), self.recipe)

    def contradiction(self) -> str | None:
        """A recipe that is none."""
        problems = find_problems(groups_of(self.recipe), self.recipe)
        return f"its recipe: {problems[0]}" if problems else None


@event("data", once=True)
@dataclass(frozen=True, kw_only=True)
class Data(Event):
    """The text as rows of tokens; `pad_token_id` where the padding is another token than BERT's.

    `new_vocabulary` says of what it is, where it was trained on the text.
    """

    documents: Count
    held_out_documents: Count
    rows: Count
    held_out_rows: Count
    vocabulary: Count
    pad_token_id: Annotated[int | None, Range(0, 2**53)] = None
    new_vocabulary: str | None = None
    digest: str


@event("supernet", once=True)
@dataclass(frozen=True, kw_only=True)
class TrainedSuperNet(Event):
    """The trained super-net; `digest` is that of its file, None where an older version trained it.

    `loss_curve` has its mean losses over equal shares of the steps; older versions kept none.
    """

    steps: Count
    parameters: Count
    digest: str | None
    loss_curve: Curve = None


@event("constant_answer", once=True)
@dataclass(frozen=True, kw_only=True)
class ConstantAnswer(Event):
    """What an answer that no model is needed for scores on the rows that candidates are scored on."""

    score: Annotated[float, Range(-1e100, 1e100)]


@event("budgets")
@dataclass(frozen=True, kw_only=True)
class Budgets(Event):
    """The budgets of a shrink, each of which has a search of its own, when the command was run."""

    names: list[str]


@event(
    "candidate",
    unique={"number": "a second candidate of its number", "identity": "a second candidate of its identity"},
)
@dataclass(frozen=True, kw_only=True)
class Evaluated(_Backbone, _Scored):
    """A candidate that was evaluated: `score` and `standard_error`, or `failure` and `detail`."""

    number: Annotated[int, Range(1, 2**53)]
    generation: Count
    identity: str
    parent: str | None
    origin: str
    layers: list[str]
    sizes: Sizes | None = None
    block: str | None = None
    score: Score
    standard_error: Error
    failure: Failure | None
    detail: str | None
    seconds: Seconds

    @property
    def is_drawn(self) -> bool:
        """Whether nothing led to it but chance: no result, and nobody."""
        return self.parent is None and self.origin == DRAWN

    def contradiction_to(self, before: "History") -> str | None:
        """More candidates than the recipe asks for, or a parent that comes later."""
        most = before.recipe["candidates"]
        if self.number > most:
            return f"`number` is {self.number}, and the recipe asks for {most} candidates"
        if self.parent is not None and before.find(Evaluated, "identity", self.parent) is None:
            return f"`parent` is no candidate before it: {excerpt(self.parent)}"
        return super().contradiction_to(before)


@event("baseline", once=True)
@dataclass(frozen=True, kw_only=True)
class Baseline(_Scored):
    """What the BERT beside the winner would have scored as a candidate."""

    layers: list[str]
    score: Score
    standard_error: Error
    failure: Failure | None

    def contradiction(self) -> str | None:
        """What is wrong with it in itself: a backbone without layers."""
        return super().contradiction() if self.layers else "`layers` is empty"


@event("rung", unique={"look": "the second of its candidate in its rung"})
@dataclass(frozen=True, kw_only=True)
class Looked(_Scored):
    """One of the best candidates after a longer look: what chose those of the next rung, or the winner.

    Args:
        number: of the rung, from 1.
        identity: of the candidate.
        seconds: of its training and scoring; an older version did not write them down.
    """

    number: Annotated[int, Range(1, 2**53)]
    identity: str
    score: Score
    standard_error: Error
    failure: Failure | None
    seconds: Annotated[float | None, Range(0.0, 1e12)]

    @property
    def look(self) -> tuple[int, str]:
        """The rung and the candidate."""
        return self.number, self.identity

    def contradiction_to(self, before: "History") -> str | None:
        """A rung that the recipe does not have, or a candidate without a score in what came before it."""
        if self.number > (most := len(before.recipe["rungs"])):
            return f"`number` is {self.number}, and the recipe has {most} rungs"
        came: _Scored | None = before.find(Evaluated, "identity", self.identity)
        if came is None:
            return f"`identity` is that of no candidate: {excerpt(self.identity)}"
        if self.number > 1:
            came = before.find(Looked, "look", (self.number - 1, self.identity))
        if came is None or came.score is None:
            return f"its candidate has no score before rung {self.number}: {excerpt(self.identity)}"
        return super().contradiction_to(before)


@event("trained")
@dataclass(frozen=True, kw_only=True)
class Trained(_Backbone):
    """A finalist after the last training; one whose folder was lost is trained again.

    `analysis` is of its layers, on the first of the rows that it is scored on; older versions made none.
    `learning_rate` is the best of several, where it was trained with several.
    `loss_curve` has its mean losses over equal shares of the steps; older versions kept none.
    """

    name: str
    layers: list[str]
    sizes: Sizes | None = None
    block: str | None = None
    parameters: Count
    accuracy: Annotated[float, Range(0.0, 1.001)]
    standard_error: Error
    correct: Counts
    masked: Counts
    task_score: Score = None
    task_error: Error = None
    analysis: Analysis | None = None
    learning_rate: Annotated[float | None, Range(0.0, 1e100)] = None
    loss_curve: Curve = None

    @property
    def score(self) -> MaskedScore:
        """The accuracy on masked words, row by row."""
        return MaskedScore(tuple(self.correct), tuple(self.masked))

    def _blocks(self, recipe: Mapping[str, Any]) -> list[str | None]:
        """Those that it may have; the BERT beside the winner may be the best of further ones."""
        return [*super()._blocks(recipe), *(recipe["baseline_blocks"] if self.name in BASELINES else ())]

    def left_out(self) -> set[str]:
        """The fields that are not written, as of all events; the error of a score stands beside it, known or not."""
        return super().left_out() - ({"task_error"} if self.task_score is not None else set())

    def contradiction(self) -> str | None:
        """A name of no finalist, or scores that do not fit each other."""
        if not _FINALIST.fullmatch(self.name):
            return f"`name` is that of no finalist: {excerpt(self.name)}"
        correct, masked = self.correct, self.masked
        if len(correct) != len(masked) or any(c > m for c, m in zip(correct, masked, strict=True)):
            return "`correct` does not fit `masked`"
        if self.task_error is not None and self.task_score is None:
            return "`task_error` is there without `task_score`"
        return super().contradiction()

    def contradiction_to(self, before: "History") -> str | None:
        """Another backbone than the one of its name, or other rows than those of the other finalists."""
        known = before.finalists
        if (same := known.get(self.name)) is not None and not self.is_of(same):
            return f"a second {self.name!r}, of other layers or sizes"
        other = next(iter(known.values()), self)
        if other.masked != self.masked or (other.task_score is None) != (self.task_score is None):
            return "`masked`, or whether it has a `task_score`, is not as of the finalist before it"
        return super().contradiction_to(before)


@event("proposed", unique={"generation": "the second of its generation"})
@dataclass(frozen=True, kw_only=True)
class Proposed(Event):
    """What a program proposed for a generation, and could be evaluated: each a backbone on a line."""

    generation: Count
    backbones: list[str]


@event("extended")
@dataclass(frozen=True, kw_only=True)
class Extended(Event):
    """A larger budget than before: what the search came to by that, but for its candidates, counts no more."""

    candidates: Annotated[int, Range(1, 2**53)]
    hours: Annotated[float, Range(0.0)]
    patience: Annotated[int, Range(1, 2**53)]

    def contradiction_to(self, before: "History") -> str | None:
        """A budget that is smaller than the one before it."""
        for name in EXTENDED:
            if (wanted := getattr(self, name)) < (had := before.recipe[name]):
                return f"`{name}` is {wanted}, less than {had} before it"
        return super().contradiction_to(before)


EXTENDED = option_names([BudgetOptions])
"""The options that a search may be given more of."""


@event("steered")
@dataclass(frozen=True, kw_only=True)
class Steered(Event):
    """What somebody wants of all candidates from a generation on, in the place of what was wanted before."""

    generation: Count
    pin: list[str]
    forbid: list[str]
    prefer: list[str]

    def contradiction(self) -> str | None:
        """A pin that is none."""
        try:
            Steering.of(self.pin, self.forbid, self.prefer)
        except ValueError as error:
            return f"`pin`, {error}"
        return super().contradiction()

    def contradiction_to(self, before: "History") -> str | None:
        """A generation of which candidates were looked at."""
        if self.generation < (least := before.next_generation):
            return f"`generation` is {self.generation}, and the next one is {least}"
        return super().contradiction_to(before)


STEERED = option_names([SteeringOptions])
"""The options that a search which is under way may be given otherwise."""


@event("finished", once=True)
@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The end; `rejections`, draws that were not evaluated by their reasons, is None where an older version ended."""

    reason: str
    rejections: dict[str, int] | None
    processes: Annotated[int, Range(1, 2**53)]


def unregistered_in(start: Mapping[str, Any]) -> str | None:
    """Which strategy, proxy or measure of a search is not registered here, and how to bring it; None if all are."""
    recipe, origins = start.get("recipe"), start.get("origins")
    if not isinstance(recipe, dict):
        return None
    used: list[tuple[Any, Table[Any]]] = [(recipe.get("strategy"), STRATEGIES), (recipe.get("screen_by"), SCREENS)]
    rungs = recipe.get("rungs")
    lines = [line for line in rungs if isinstance(line, str)] if isinstance(rungs, list) else []
    used += [(name, PROXIES) for name in (recipe.get("proxy"), *(rung.proxy for rung in readable(lines)))]
    for name, table in used:
        if isinstance(name, str) and name not in table:
            origin = origins.get(f"{table.what} {name}") if isinstance(origins, dict) else None
            return f"the {table.what} {excerpt(name)} is {NOT_REGISTERED}" + (f", {excerpt(origin)}" if origin else "")
    return None
