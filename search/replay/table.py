"""A table of backbones, each looked at in several ways that cost ever more."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import parse_layer
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.options import unmet
from autobert_zero_hf.standard_error import mean_error

from ..space.candidate import Candidate
from ..space.edit_path import EditPath, layer_distance

_LEAST = 0.1
"""Of a step: what differs is never the same, however alike it is."""
_DOUBLINGS = 5
"""Of a kernel, which make it as different as one of its kind can be."""


_OF_SCORES = {
    "backbone": str,
    "look": str,
    "score": float | None,
    "standard_error": float | None,
    "seconds": float,
}


class TableError(AutoBertZeroError):
    """A table that is not there, or not as it should be."""


@dataclass(frozen=True)
class Look:
    """What came of a look at a backbone.

    Args:
        score: the larger the better; None where the training diverged.
        standard_error: over the rows; None where they do not tell it.
        seconds: of the processor.
    """

    score: float | None
    standard_error: float | None
    seconds: float


@dataclass(frozen=True)
class BackboneTable:
    """Backbones and what was seen of them.

    Args:
        backbones: by their identities.
        looks: by the names of the looks, and then by the identities of backbones. A look at several tasks is one: the
            mean of their scores.
    """

    backbones: Mapping[str, Candidate]
    looks: Mapping[str, Mapping[str, Look]]

    @classmethod
    def load(cls, folder: str | Path) -> "BackboneTable":
        """The table of a folder: `backbones.jsonl`, and `scores.jsonl` with a line for each look and task.

        Raises:
            TableError: if a file is missing, or a line is none of a table; it is named.
        """
        folder = Path(folder)
        names: dict[str, Candidate] = {}
        for row in _rows(folder / "backbones.jsonl", {"name": str, "layers": list[str]}):
            names[row["name"]] = Candidate(tuple(row["layers"]), origin=row.get("origin") or "measured")
        found: dict[str, dict[str, list[Look]]] = {}
        for row in _rows(folder / "scores.jsonl", _OF_SCORES):
            if (candidate := names.get(row["backbone"])) is None:
                raise TableError(
                    f"{folder / 'scores.jsonl'}: there is no backbone {row['backbone']!r} in backbones.jsonl"
                )
            by_task = found.setdefault(row["look"], {}).setdefault(candidate.identity, [])
            by_task.append(Look(row["score"], row["standard_error"], row["seconds"]))
        looks = {name: {identity: _mean(some) for identity, some in of_it.items()} for name, of_it in found.items()}
        return cls({each.identity: each for each in names.values()}, looks)

    @cached_property
    def neighbours(self) -> dict[str, list[str]]:
        """By each backbone's identity those of all others, the nearest first.

        Layers are compared by kind, then by their kernels, or by the operations that two formulas have in common.
        """
        identities = list(self.backbones)
        distances: dict[tuple[str, str], float] = {}
        for place, one in enumerate(identities):
            for other in identities[:place]:
                layers = self.backbones[one].layers, self.backbones[other].layers
                distances[one, other] = distances[other, one] = EditPath.between(*layers, closeness).length
        return {
            one: sorted((other for other in identities if other != one), key=lambda other: distances[one, other])
            for one in identities
        }


def _rows(file: Path, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of a file, each of which has these fields, of these types.

    Raises:
        TableError: naming the line that has not.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{file}: no table can be read there ({error})") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TableError(f"{file}, line {number}: no JSON: {error}") from error
        lacking = [name for name in fields if not isinstance(row, dict) or name not in row]
        if lacking:
            raise TableError(f"{file}, line {number}: it has no {lacking[0]!r}")
        for name, hint in fields.items():
            if wanted := unmet(row[name], hint):
                raise TableError(f"{file}, line {number}: {name!r} must be {wanted}, not {excerpt(row[name])}")
        yield row


def closeness(one: str, other: str) -> float:
    """A distance of layers as `layer_distance`, where two of a kind are the nearer the more they have in common.

    >>> closeness("conv(3)", "conv(5)") < closeness("conv(3)", "conv(65)") < closeness("conv(3)", "fourier")
    True
    """
    coarse = layer_distance(one, other)
    if coarse in (0.0, 1.0):
        return coarse
    first, second = (parse_layer(line).mixer for line in (one, other))
    share = _LEAST
    if first.graph is not None and second.graph is not None:
        names = [Counter(node.name for node in graph.operations) for graph in (first.graph, second.graph)]
        share = max(share, 1 - (names[0] & names[1]).total() / max(1, (names[0] | names[1]).total()))
    numbers = [[value for value in vars(each).values() if isinstance(value, int)] for each in (first, second)]
    apart = sum(abs(math.log2(a + 1) - math.log2(b + 1)) for a, b in zip(*numbers, strict=False))
    return coarse * max(share, min(1.0, apart / _DOUBLINGS))


def _mean(looks: list[Look]) -> Look:
    """One look of several, at independent rows."""
    seconds = sum(each.seconds for each in looks)
    scores = [each.score for each in looks if each.score is not None]
    if len(scores) < len(looks):
        return Look(None, None, seconds)
    return Look(sum(scores) / len(scores), mean_error([each.standard_error for each in looks]), seconds)
