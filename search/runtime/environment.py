"""What a search runs on: written at its beginning, since another machine may come to other scores."""

import logging
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch

from autobert_zero_hf import __version__
from autobert_zero_hf.options import Range

from ..latency.hardware import processor, usable_cores

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


@dataclass(frozen=True)
class Environment:
    """A machine, and the versions that decide what a search comes to; nothing that names the machine or its user."""

    processor: str
    cores: Annotated[int, Range(0, 2**53)]
    threads: Annotated[int, Range(0, 2**53)]
    accelerators: list[str]
    system: str
    versions: dict[str, str]


def environment() -> Environment:
    """What this process runs on."""
    accelerators = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    own = {"python": platform.python_version(), "autobert-zero-hf": __version__}
    return Environment(
        processor=processor(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        accelerators=accelerators,
        system=f"{platform.system()} {platform.machine()}",
        versions={**own, **{name: version(name) for name in PACKAGES}},
    )


def warn_of_changes(folder: Path, begun: Environment | None) -> None:
    """Say what is not as it was when a search was begun, where its numbers depend on that.

    Args:
        folder: of the search.
        begun: what it was begun on; None for a search that did not write it down.
    """
    if begun is not None and (changed := list(_changes(begun, environment()))):
        logger.warning(
            "the search in %s was begun with %s: sums are rounded otherwise, so that what is trained from now on, and "
            "its scores, are not those of a search that was never stopped",
            folder,
            ", ".join(changed),
        )


def _changes(begun: Environment, here: Environment) -> Iterator[str]:
    if begun.threads != here.threads:
        yield f"{begun.threads} thread{'s' * (begun.threads != 1)} (here {here.threads})"
    for name, there, now in (
        ("processor", begun.processor, here.processor),
        ("accelerators", begun.accelerators, here.accelerators),
    ):
        if there != now:
            yield f"the {name} {_shown(there)} (here {_shown(now)})"
    for name, number in here.versions.items():
        if begun.versions.get(name, number) != number:
            yield f"{name} {begun.versions[name]} (here {number})"


def _shown(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"
