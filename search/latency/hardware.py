"""What a latency was measured on: it holds there, and nowhere else."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from autobert_zero_hf.serving import RUNTIMES

from ..recipe.options import LatencyOptions

_CPU_FLAGS = ("avx", "amx", "fma", "f16c", "sse4", "asimd", "sve")
_SYSTEM = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Hardware:
    """The machine, and what runs on it, as far as they decide how fast a model is.

    Args:
        processor: the model of the CPU.
        cores: those that the process may run on.
        instructions: the CPU's vector instruction sets.
        device: "cpu", or the name of the accelerator.
        dtype: of the weights.
        runtime: what runs the model, with its version.
        threads: on the CPU.
    """

    processor: str
    cores: int
    instructions: tuple[str, ...]
    device: str
    dtype: str
    runtime: str
    threads: int

    @classmethod
    def here(cls, options: LatencyOptions, dtype: torch.dtype = torch.float32) -> "Hardware":
        """This machine, as the options use it."""
        device = torch.device(options.latency_device)
        runtime = RUNTIMES[options.latency_runtime]
        flags = _flags(_cpu_facts())
        return cls(
            processor=processor(),
            cores=usable_cores(),
            instructions=tuple(sorted(flag for flag in flags if flag.startswith(_CPU_FLAGS))),
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            dtype="int8" if runtime.int8 else str(dtype).removeprefix("torch."),
            runtime=runtime.version,
            threads=options.latency_threads,
        )

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Hardware":
        """Makes one of what `dataclasses.asdict` gave, and JSON kept.

        Raises:
            TypeError: if something is missing, or not known.
        """
        return cls(**{**facts, "instructions": tuple(facts["instructions"])})

    def differences(self, here: "Hardware") -> list[str]:
        """What differs from another, in words; empty if they are the same."""
        there, this = asdict(self), asdict(here)
        different = [name for name in there if there[name] != this[name]]
        return [f"{name} {_shown(there[name])} there, {_shown(this[name])} here" for name in different]

    def __str__(self) -> str:
        place = self.processor if self.device == "cpu" else f"{self.device} beside {self.processor}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)} on {self.cores} core{'s' * (self.cores > 1)}"
        return f"{place}, {threads}, {self.dtype}, {self.runtime}"


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _cpu_facts() -> dict[str, str]:
    """What Linux says of the first CPU; nothing elsewhere."""
    if not _SYSTEM.exists():
        return {}
    first = _SYSTEM.read_text(encoding="utf-8").split("\n\n", 1)[0]
    parts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in parts}


def usable_cores() -> int:
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The model of this machine's CPU."""
    facts = _cpu_facts()
    # A virtual machine may tell the maker's name alone: family and model tell the generation.
    known = [f"{name.removeprefix('cpu ')} {facts[name]}" for name in ("cpu family", "model") if name in facts]
    name = facts.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({', '.join(known)})" if known else name


def _flags(facts: Mapping[str, str]) -> list[str]:
    """The CPU's features by Linux's names; elsewhere the best that torch found."""
    said = facts.get("flags") or facts.get("Features")
    return said.split() if said else [torch.backends.cpu.get_cpu_capability().lower()]
