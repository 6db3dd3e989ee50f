"""Events of older versions of the journal as they are today.

A new version of the journal is a row here: what turns an event of the version before it into one of its own. The files
stay as they are; what an older version could not know is None, or what held then.
"""

from collections.abc import Callable
from typing import Any

VERSION = 3
"""Of the journals that are begun."""

_CAME_BEFORE_3: dict[str, dict[str, Any]] = {
    "start": {"identity": ""},
    "supernet": {"digest": None},
    "finished": {"rejections": None, "processes": 1},
}
"""By events, what version 2 has or lacks, and version 3 always has."""


def _to_3(event: dict[str, Any]) -> dict[str, Any]:
    version = {"version": 3} if event["event"] == "start" else {}
    return {**_CAME_BEFORE_3.get(event["event"], {}), **event, **version}


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {2: _to_3}

READ = (*_UPGRADES, VERSION)
"""The versions of journals that are read."""


def upgraded(event: dict[str, Any], version: int) -> dict[str, Any]:
    """An event as a journal of today's version has it.

    Args:
        event: as it stands in the line.
        version: of the journal that it stands in, one of `READ`. A later version may have written this line.
    """
    for number in range(version, VERSION):
        event = _UPGRADES[number](event)
    return _with_rungs(event)


def _with_rungs(event: dict[str, Any]) -> dict[str, Any]:
    """What searches before 0.2 called the last round is a rung, and no version of its own."""
    recipe = event.get("recipe")
    if event["event"] == "start" and isinstance(recipe, dict) and "final_candidates" in recipe:
        several = recipe["final_candidates"]
        line = f"{several} {recipe.get('proxy')} {recipe.get('final_steps')}"
        kept = {name: value for name, value in recipe.items() if name != "final_candidates"}
        return {**event, "recipe": kept if several == 1 else {**kept, "rungs": [line]}}
    if event["event"] == "last_round":
        return {**event, "event": "rung", "number": 1, "seconds": None}
    return event
