"""Measured latencies of random candidates, in a file that grows line by line: what a predictor is fitted to."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.writing import append_lines, refusals_explained, whole_lines

from ..recipe import LatencyOptions
from ..space.candidate import Candidate
from ..space.sizes import Sizes
from ..space.space import Space
from .hardware import Hardware
from .latency import LatencyError, measure

_VERSION = 1
_MEASURED_IN_TURN = 8
_TRIES = 200

MakeModel = Callable[[AutoBertZeroConfig], PreTrainedModel]


@dataclass(frozen=True)
class Sample:
    """A candidate and its latency.

    Args:
        candidate: with its sizes.
        milliseconds: the median.
        interval: of the median.
        waited: as in `Latency`.
    """

    candidate: Candidate
    milliseconds: float
    interval: tuple[float, float]
    waited: float


@dataclass(frozen=True)
class Samples:
    """What a file of samples holds.

    Args:
        hardware: what they were measured on.
        texts: of a forward pass.
        tokens: of a text.
        samples: the candidates.
    """

    hardware: Hardware
    texts: int
    tokens: int
    samples: tuple[Sample, ...]


def collect(
    space: Space,
    like: AutoBertZeroConfig,
    count: int,
    path: Path,
    options: LatencyOptions,
    seed: int = 0,
    show: Callable[[int], None] = lambda _: None,
    make_model: MakeModel = AutoBertZeroModel,
) -> Samples:
    """Measure random candidates of a space; what the file holds already is not measured again.

    Args:
        space: what is drawn from.
        like: the config of every candidate in all that it does not say itself; its own sizes, where it has none.
        count: how many distinct candidates there are in the end, or as many as the space has.
        path: the file, JSON lines; a new one is made.
        options: how to measure.
        seed: of the draws; the same seed goes on with the same candidates.
        show: is told how many are measured.
        make_model: a model of a config, with random weights.

    Raises:
        LatencyError: if the file was begun on other hardware or with other options, or is damaged; as `measure`.
        WritingError: if the file cannot be written.
    """
    here = Hardware.here(options)
    start = {"version": _VERSION, "hardware": asdict(here), "texts": options.latency_batch_size}
    start["tokens"] = options.latency_tokens
    held = _read(path) if path.exists() else None
    if held is not None:
        _check(held, here, path)
        if (held.texts, held.tokens) != (options.latency_batch_size, options.latency_tokens):
            raise LatencyError(
                f"{path} holds latencies of {held.texts} x {held.tokens} tokens, not of {options.latency_batch_size} x "
                f"{options.latency_tokens}: use another file"
            )
    samples = list(held.samples) if held is not None else []
    known = {sample.candidate.identity for sample in samples}
    drawn = [candidate for candidate in _draws(space, like, count, seed) if candidate.identity not in known]
    drawn = drawn[: max(0, count - len(samples))]
    show(len(samples))
    for first in range(0, len(drawn), _MEASURED_IN_TURN):
        group = drawn[first : first + _MEASURED_IN_TURN]
        measured = measure([make_model(_sizes(each).config(like, each.layers)) for each in group], options)
        new = [
            Sample(each, round(latency.median, 5), tuple(round(x, 5) for x in latency.interval), round(latency.waited, 3))  # type: ignore[arg-type]
            for each, latency in zip(group, measured, strict=True)
        ]
        _append(path, [*([] if path.exists() else [start]), *map(_record, new)])
        samples += new
        show(len(samples))
    return Samples(here, options.latency_batch_size, options.latency_tokens, tuple(samples))


def read_samples(path: Path, options: LatencyOptions) -> Samples:
    """What a file of samples holds, for use on this machine.

    Raises:
        LatencyError: if there is none, if it is damaged, or was measured on other hardware: both are named.
    """
    if not path.exists():
        raise LatencyError(f"no latencies are found in {path}: measure some first")
    samples = _read(path)
    _check(samples, Hardware.here(options), path)
    return samples


def _draws(space: Space, like: AutoBertZeroConfig, count: int, seed: int) -> list[Candidate]:
    """Distinct ones; fewer if nothing new turns up."""
    rng, found = random.Random(f"{seed}/latency"), dict[str, Candidate]()
    failures = 0
    while len(found) < count and failures < _TRIES:
        candidate = with_sizes(space.sample(rng), like)
        failures = failures + 1 if candidate.identity in found else 0
        found.setdefault(candidate.identity, candidate)
    return list(found.values())


def with_sizes(candidate: Candidate, like: AutoBertZeroConfig) -> Candidate:
    """The candidate with the sizes of a config, where it has none of its own."""
    if candidate.sizes is not None:
        return candidate
    sizes = {**asdict(Sizes.of(like)), "num_hidden_layers": len(candidate.layers)}
    return Candidate(candidate.layers, candidate.parent, candidate.origin, Sizes(**sizes))


def _sizes(candidate: Candidate) -> Sizes:
    assert candidate.sizes is not None
    return candidate.sizes


def _record(sample: Sample) -> dict[str, Any]:
    return {
        "layers": list(sample.candidate.layers),
        "sizes": asdict(_sizes(sample.candidate)),
        "milliseconds": sample.milliseconds,
        "interval": list(sample.interval),
        "waited": sample.waited,
    }


def _append(path: Path, records: Sequence[dict[str, Any]]) -> None:
    with refusals_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(path, "".join(json.dumps(record) + "\n" for record in records).encode())


def _read(path: Path) -> Samples:
    number = 0
    try:
        start, *records = [json.loads(line) for line in whole_lines(path)] or [{}]
        if start.get("version") != _VERSION:
            raise ValueError(f"version {start.get('version')!r}, not {_VERSION}")
        samples = []
        for number, record in enumerate(records, start=1):
            candidate = Candidate(tuple(record["layers"]), sizes=Sizes(**record["sizes"]))
            low, high = record["interval"]
            samples.append(Sample(candidate, float(record["milliseconds"]), (low, high), record["waited"]))
        return Samples(Hardware.from_dict(start["hardware"]), start["texts"], start["tokens"], tuple(samples))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LatencyError(
            f"{path}, line {number + 1}, is no measured latency ({error}): restore the file, or measure into another"
        ) from error


def _check(samples: Samples, here: Hardware, path: Path) -> None:
    if differences := samples.hardware.differences(here):
        raise LatencyError(
            f"the latencies in {path} are those of {samples.hardware}; this is {here} ({'; '.join(differences)}): "
            "measure here, into another file"
        )
