"""The events of a journal: what each of them holds.

In a version that is known, all kinds of events and all of their fields are known: another one is damage.
"""

import functools
import json
import re
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any

from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.model.origins import NOT_REGISTERED
from autobert_zero_hf.options import Range, find_problems, unmet
from autobert_zero_hf.training.contents import Digest

from ..proxies.table import PROXIES, SCREENS
from ..recipe_options import option_groups
from ..space.sizes import Sizes
from ..strategy.evaluation import Failure
from ..strategy.table import STRATEGIES

_FINALIST = re.compile(r"best|bert|scratch|front/[1-9]\d*")

Count = Annotated[int, Range(0, 2**53)]
Counts = Annotated[list[int], Range(0, 2**53)]
Seconds = Annotated[float, Range(0.0, 1e12)]
Milliseconds = Annotated[float, Range(1e-9, 1e12)]
# What is as large as no score can be is damage, too, and more than a chart can show.
Score = Annotated[float | None, Range(-1e100, 1e100)]
Error = Annotated[float | None, Range(0.0, 1e100)]


@dataclass(frozen=True, kw_only=True)
class Event:
    """What every event has.

    Args:
        elapsed: seconds of the search when it was written.
    """

    elapsed: Seconds


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a search was begun on; as `environment` finds it."""

    processor: str
    cores: Count
    threads: Count
    accelerators: list[str]
    system: str
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Start(Event):
    """The first event; `identity`, `environment` and `contents`, digests of what paths led to, came later.

    `origins` are the modules of parts that are not of this package; `objects` the classes of what was given in Python
    in the place of options.
    """

    version: int
    recipe: dict[str, Any]
    identity: str = ""
    environment: Environment | None = None
    contents: dict[str, Digest] | None = None
    origins: dict[str, str] | None = None
    objects: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Data(Event):
    """The text as rows of tokens; `pad_token_id` where the padding is another token than BERT's."""

    documents: Count
    held_out_documents: Count
    rows: Count
    held_out_rows: Count
    vocabulary: Count
    digest: str
    pad_token_id: Annotated[int | None, Range(0, 2**53)] = None


@dataclass(frozen=True, kw_only=True)
class Latency(Event):
    """The latency that candidates have to meet, in milliseconds, and how well it is predicted."""

    target: Milliseconds
    base: Annotated[float | None, Range(1e-9, 1e12)]
    hardware: str
    prediction_error: Annotated[float, Range(0.0, 1e100)]
    samples: Count


@dataclass(frozen=True, kw_only=True)
class Base(Event):
    """The latency of the model that shrunken ones are to be faster than; None is the largest sub-model.

    `digest`, of the model's files, came with version 3.
    """

    model: str | None
    digest: str | None = None
    median: Milliseconds
    p95: Milliseconds
    interval: tuple[float, float]
    passes: Count


@dataclass(frozen=True, kw_only=True)
class Measured(Event):
    """The latency of a candidate."""

    identity: str
    median: Milliseconds
    p95: Milliseconds
    interval: tuple[float, float]
    passes: Count
    waited: Seconds
    verdict: typing.Literal["within", "outside", "not clear"]


@dataclass(frozen=True, kw_only=True)
class SuperNet(Event):
    """The trained super-net; `digest`, of its file, came with version 3."""

    steps: Count
    parameters: Count
    digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConstantAnswer(Event):
    """What an answer that no model is needed for scores on the rows that candidates are scored on."""

    score: Annotated[float, Range(-1e100, 1e100)]


@dataclass(frozen=True, kw_only=True)
class Budgets(Event):
    """The budgets of a shrink, each of which has a search of its own, when the command was run."""

    names: list[str]


@dataclass(frozen=True, kw_only=True)
class Candidate(Event):
    """A candidate that was evaluated: `score` and `standard_error`, or `failure` and `detail`."""

    number: Annotated[int, Range(1, 2**53)]
    generation: Count
    identity: str
    parent: str | None
    origin: str
    layers: list[str]
    score: Score
    standard_error: Error
    failure: Failure | None
    detail: str | None
    seconds: Seconds
    sizes: Sizes | None = None


@dataclass(frozen=True, kw_only=True)
class Baseline(Event):
    """What the BERT beside the winner would have scored as a candidate."""

    layers: list[str]
    score: Score
    standard_error: Error
    failure: Failure | None


@dataclass(frozen=True, kw_only=True)
class Trained(Event):
    """A finalist after the last training."""

    name: str
    layers: list[str]
    parameters: Count
    accuracy: Annotated[float, Range(0.0, 1.001)]
    standard_error: Error
    correct: Counts
    masked: Counts
    sizes: Sizes | None = None
    task_score: Score = None
    task_error: Error = None


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The end; `rejections` and `processes` came later."""

    reason: str
    rejections: dict[str, int] | None = None
    processes: Annotated[int, Range(1, 2**53)] = 1


KINDS: dict[str, type[Event]] = {
    "start": Start,
    "data": Data,
    "latency": Latency,
    "base": Base,
    "measured": Measured,
    "supernet": SuperNet,
    "constant_answer": ConstantAnswer,
    "budgets": Budgets,
    "candidate": Candidate,
    "baseline": Baseline,
    "trained": Trained,
    "finished": Finished,
}


def problem_of(event: Mapping[str, Any]) -> str | None:
    """What is wrong with an event by itself, in words."""
    if (kind := KINDS.get(event["event"])) is None:
        return f"there is no event {excerpt(event['event'])}"
    values = {name: value for name, value in event.items() if name != "event"}
    return _problem(kind, values, "") or _contradiction(event)


def unregistered_in(start: Mapping[str, Any]) -> str | None:
    """Which strategy, proxy or measure of a search is not registered here, and how to bring it; None if all are."""
    recipe, origins = start.get("recipe"), start.get("origins")
    if not isinstance(recipe, dict):
        return None
    for option, table in (("strategy", STRATEGIES), ("proxy", PROXIES), ("screen_by", SCREENS)):
        name = recipe.get(option)
        if isinstance(name, str) and name not in table:
            origin = origins.get(f"{table.what} {name}") if isinstance(origins, dict) else None
            return f"the {table.what} {excerpt(name)} is {NOT_REGISTERED}" + (f", {excerpt(origin)}" if origin else "")
    return None


def _problem(kind: type, values: Mapping[str, Any], within: str) -> str | None:
    """What is wrong with the names and the kinds of an object's fields."""
    hints, required = _fields(kind)
    if missing := next((name for name in required if name not in values), None):
        return f"`{within}{missing}` is missing"
    for name, value in values.items():
        if name not in hints:
            return f"unknown field {excerpt(within + name)}"
        hint = hints[name]
        inner = next((each for each in (hint, *typing.get_args(hint)) if is_dataclass(each)), None)
        if isinstance(inner, type):
            found = _problem(inner, value, f"{within}{name}.") if isinstance(value, dict) else "not a mapping"
            if found:
                return found if isinstance(value, dict) else f"`{within}{name}` is {found}, but {excerpt(value)}"
        elif wanted := unmet(value, hint):
            return f"`{within}{name}` must be {wanted}, not {excerpt(value)}"
    return None


@functools.cache
def _fields(kind: type) -> tuple[dict[str, Any], list[str]]:
    """The types of all fields, and the names of those without a default."""
    required = [field.name for field in fields(kind) if field.default is MISSING]
    return typing.get_type_hints(kind, include_extras=True), required


def _contradiction(event: Mapping[str, Any]) -> str | None:
    """What in an event does not agree with itself."""
    kind, sizes, layers = event["event"], event.get("sizes"), event.get("layers")
    if kind == "start":
        problems = find_problems(option_groups(), event["recipe"])
        return f"its recipe: {problems[0]}" if problems else None
    try:
        json.dumps(event, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "a text in it has half a character (a lone surrogate)"
    if layers is not None and not layers:
        return "`layers` is empty"
    if sizes is not None and (min(sizes.values()) < 1 or sizes["num_hidden_layers"] != len(layers or ())):
        return f"`sizes` are none of {len(layers or ())} layers: {excerpt(sizes)}"
    if "failure" in event and (event["score"] is None) != (event["failure"] is not None):
        return "it has both a `score` and a `failure`, or neither"
    if (interval := event.get("interval")) is not None and not 0 < interval[0] <= event["median"] <= interval[1]:
        return f"`interval` does not enclose the median: {excerpt(interval)}"
    if kind == "trained":
        return _contradiction_of_finalist(event)
    return None


def _contradiction_of_finalist(event: Mapping[str, Any]) -> str | None:
    correct, masked = event["correct"], event["masked"]
    if not _FINALIST.fullmatch(event["name"]):
        return f"`name` is that of no finalist: {excerpt(event['name'])}"
    if len(correct) != len(masked) or any(c > m for c, m in zip(correct, masked, strict=True)):
        return "`correct` does not fit `masked`"
    if ("task_score" in event) != ("task_error" in event):
        return "`task_score` and `task_error` come together"
    return None
