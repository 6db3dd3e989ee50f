"""The tab that steers a search: what is chosen there becomes the command that goes on under it.

The page changes nothing itself: whoever can open it need not be who may search.
"""

import math
import shlex
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ..search.publish.report_facts import ReportFacts
from ..search.recipe.recipe import Recipe
from ..search.runtime.records import Evaluated
from ..search.space.search_space import SearchSpace
from ..search.space.steering import Steering

_MORE = 32
"""Candidates that the search is given besides, if nobody says otherwise."""


def can_be_steered(recipe: Recipe) -> bool:
    """Whether a search is one of layers."""
    return isinstance(recipe.search_space, SearchSpace)


def command(facts: ReportFacts, pins: Sequence[str], forbid: Sequence[str], prefer: Sequence[str], more: int) -> str:
    """The command that goes on with a search under other steering.

    Args:
        facts: the search.
        pins: layers that are to stay, each its number and its line.
        forbid: names of operations and kinds of layers.
        prefer: names of operations.
        more: candidates besides those that it was to look at.
    """
    folder = facts.search.folder.path.resolve().name
    words = ["autobert-zero", "search", "--recipe", f"{folder}/recipe.yaml", "--output-dir", folder]
    words += ["--candidates", str(facts.recipe["candidates"] + max(0, more))]
    for name, values in (("pin", pins), ("forbid", forbid), ("prefer", prefer)):
        if values or facts.recipe[name]:
            words += [f"--{name}", *values]
    return shlex.join(words)


def steer(facts: ReportFacts, recipe: Recipe) -> None:
    """The tab's contents."""
    wanted = recipe.steering
    steering = Steering.of(wanted.pin, wanted.forbid, wanted.prefer)
    pinned = {f"{place + 1}: {line}": None for place, line in (steering.pinned if steering else {}).items()}
    space = recipe.search_space
    names = [*recipe.space.operations, *(space.types if isinstance(space, SearchSpace) else ())]
    by_number = {each.number: each for each in facts.candidates}
    best = facts.best
    gr.Markdown("Choose what all further candidates are to keep to; the command goes on with this search under it.")
    number = gr.Dropdown(list(by_number), value=best.number if best else None, label="layers of candidate")
    pins = gr.CheckboxGroup(list(pinned | _lines(best)), value=list(pinned), label="keep these layers")
    with gr.Row():
        forbid = gr.Dropdown(names, value=list(wanted.forbid), multiselect=True, label="without")
        prefer = gr.Dropdown(
            list(recipe.space.operations), value=list(wanted.prefer), multiselect=True, label="rather with"
        )
        more = gr.Number(_MORE, label="more candidates", precision=0)
    chosen: list[Any] = [pins, forbid, prefer, more]

    def show(pinned: Any, without: Any, rather: Any, added: Any) -> str:
        count = added if isinstance(added, int | float) and math.isfinite(added) else _MORE
        return command(facts, _names(pinned), _names(without), _names(rather), int(min(max(count, 0), 1_000_000)))

    def lines(value: Any) -> Any:
        event = by_number.get(value) if isinstance(value, int) else None
        return gr.CheckboxGroup(list(pinned | _lines(event)), value=list(pinned))

    shown = gr.Code(
        show(list(pinned), list(wanted.forbid), list(wanted.prefer), _MORE),
        language="shell",
        wrap_lines=True,
        label="go on",
    )
    number.change(lines, number, pins, show_progress="hidden", preprocess=False)
    for each in chosen:
        each.change(show, chosen, shown, show_progress="hidden", preprocess=False)


def _lines(event: Evaluated | None) -> dict[str, None]:
    return {f"{number}: {line}": None for number, line in enumerate(event.layers if event else (), start=1)}


def _names(value: Any) -> list[str]:
    """What a control holds, as texts: anybody may send anything."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
