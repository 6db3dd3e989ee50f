"""Measured latencies of random candidates, in a file that grows line by line: what a predictor is fitted to."""

import json
import random
import statistics
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from autobert_zero_hf.growing import GrowingFile
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel
from autobert_zero_hf.options import Range, unmet
from autobert_zero_hf.reading import parse_json
from autobert_zero_hf.writing import refusals_explained

from ..recipe.options import LatencyOptions
from ..space.candidate import Candidate
from ..space.sizes import Sizes
from ..space.space import Space
from .hardware import Hardware
from .measuring import Latency, LatencyError, check_runtime, measure

_VERSION = 1
_MEASURED_IN_TURN = 8
_TRIES = 200
_KINDS: dict[str, Any] = {
    "layers": list[str],
    "sizes": dict[str, int],
    "milliseconds": Annotated[float, Range(1e-9)],
    "interval": tuple[float, float],
    "waited": float,
    "reference": Annotated[float, Range(1e-9)],
}


@dataclass(frozen=True)
class Sample:
    """A candidate and its latency.

    Args:
        candidate: with its sizes.
        milliseconds: the median.
        interval: of the median.
        waited: as in `Latency`.
        reference: the milliseconds of one model, the same for all samples, that was measured in turn with this one.
    """

    candidate: Candidate
    milliseconds: float
    interval: tuple[float, float]
    waited: float
    reference: float

    @classmethod
    def of(cls, candidate: Candidate, latency: Latency, reference: Latency) -> "Sample":
        """A sample as it is written: to tens of nanoseconds."""
        low, high = latency.interval
        interval = (round(low, 5), round(high, 5))
        return cls(candidate, round(latency.median, 5), interval, round(latency.waited, 3), round(reference.median, 5))


@dataclass(frozen=True)
class Samples:
    """What a file of samples holds.

    Args:
        hardware: what they were measured on.
        texts: of a forward pass.
        tokens: of a text.
        reference: the identity of the model that is measured in turn with each group of them.
        samples: the candidates.
    """

    hardware: Hardware
    texts: int
    tokens: int
    reference: str
    samples: tuple[Sample, ...]

    @property
    def usual(self) -> float:
        """The milliseconds of the reference, in the median: how fast the machine usually is.

        Frequency, caches and memory are shared with other programs; over the minutes that a few hundred samples take,
        the reference tells how fast the machine was.
        """
        return statistics.median(sample.reference for sample in self.samples)

    def steadied(self) -> list[float]:
        """The milliseconds, as they would be had the machine been as fast all the time as it usually is."""
        return [sample.milliseconds * self.usual / sample.reference for sample in self.samples]


def collect(
    space: Space,
    like: AutoBertZeroConfig,
    count: int,
    path: Path,
    options: LatencyOptions,
    seed: int = 0,
    show: Callable[[int], None] = lambda _: None,
) -> Samples:
    """Measure random candidates of a space; what the file holds already is not measured again.

    Args:
        space: what is drawn from.
        like: the config of every candidate in all that it does not say itself, sizes included; also the reference.
        count: how many distinct candidates there are in the end, or as many as the space has.
        path: the file, JSON lines; a new one is made.
        options: how to measure.
        seed: of the draws; the same seed goes on with the same candidates.
        show: is told how many are measured.

    Raises:
        LatencyError: if the file was begun on other hardware or with other options, or is damaged; as `measure`. It is
            said before anything is measured.
        WritingError: if the file cannot be written, or is taken away meanwhile.
    """
    check_runtime(options)
    reference = with_sizes(Candidate(tuple(like.layers)), like).identity
    begun = Samples(Hardware.here(options), options.latency_batch_size, options.latency_tokens, reference, ())
    samples: list[Sample] = []
    with closing(GrowingFile(path)) as file:
        if path.exists():
            held = _checked(file, options)
            if held.reference != reference:
                raise LatencyError(f"{path} holds latencies beside those of another reference model: use another file")
            samples += held.samples
        known = {sample.candidate.identity for sample in samples}
        drawn = [candidate for candidate in _draws(space, like, count, seed) if candidate.identity not in known]
        drawn = drawn[: max(0, count - len(samples))]
        show(len(samples))
        for first in range(0, len(drawn), _MEASURED_IN_TURN):
            group = drawn[first : first + _MEASURED_IN_TURN]
            configs = [like, *(each.config(like) for each in group)]
            beside, *measured = measure([AutoBertZeroModel(config) for config in configs], options)
            new = [Sample.of(each, latency, beside) for each, latency in zip(group, measured, strict=True)]
            _append(file, [*([] if file.lines else [_start(begun)]), *map(_record, new)])
            samples += new
            show(len(samples))
    return replace(begun, samples=tuple(samples))


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
    sizes = replace(Sizes.of(like), num_hidden_layers=len(candidate.layers))
    return replace(candidate, sizes=sizes)


def _sizes(candidate: Candidate) -> Sizes:
    assert candidate.sizes is not None
    return candidate.sizes


def _start(samples: Samples) -> dict[str, Any]:
    facts = {"texts": samples.texts, "tokens": samples.tokens, "reference": samples.reference}
    return {"version": _VERSION, "hardware": asdict(samples.hardware), **facts}


def _record(sample: Sample) -> dict[str, Any]:
    return {
        "layers": list(sample.candidate.layers),
        "sizes": _sizes(sample.candidate).to_dict(),
        **({} if sample.candidate.block is None else {"block": sample.candidate.block}),
        "milliseconds": sample.milliseconds,
        "interval": list(sample.interval),
        "waited": sample.waited,
        "reference": sample.reference,
    }


def _append(file: GrowingFile, records: Sequence[dict[str, Any]]) -> None:
    with refusals_explained(file.path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.append("".join(json.dumps(record) + "\n" for record in records).encode())


def _read(file: GrowingFile) -> Samples:
    number = 0
    try:
        start, *records = [parse_json(line) for line in file.read()] or [{}]
        if start.get("version") != _VERSION:
            raise ValueError(f"version {start.get('version')!r}, not {_VERSION}")
        samples = []
        for number, record in enumerate(records, start=1):  # noqa: B007
            for name, kind in _KINDS.items():
                if wanted := unmet(record[name], kind):
                    raise ValueError(f"{name} must be {wanted}")
            if wanted := unmet(block := record.get("block"), str | None):
                raise ValueError(f"block must be {wanted}")
            candidate = Candidate(tuple(record["layers"]), sizes=Sizes(**record["sizes"]), block=block)
            low, high = record["interval"]
            samples.append(
                Sample(candidate, record["milliseconds"], (low, high), record["waited"], record["reference"])
            )
        hardware = Hardware.from_dict(start["hardware"])
        return Samples(hardware, start["texts"], start["tokens"], start["reference"], tuple(samples))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise LatencyError(
            f"{file.path}, line {number + 1}, is no measured latency ({error}): restore the file, or measure into "
            "another"
        ) from error


def _checked(file: GrowingFile, options: LatencyOptions) -> Samples:
    """What a file holds, if it was measured as it would be here."""
    path, samples, here = file.path, _read(file), Hardware.here(options)
    if differences := samples.hardware.differences(here):
        raise LatencyError(
            f"the latencies in {path} are those of {samples.hardware}; this is {here} ({'; '.join(differences)}): "
            "measure here, into another file"
        )
    if (samples.texts, samples.tokens) != (options.latency_batch_size, options.latency_tokens):
        raise LatencyError(
            f"{path} holds latencies of {samples.texts} x {samples.tokens} tokens, not of {options.latency_batch_size} "
            f"x {options.latency_tokens}: use another file"
        )
    return samples
