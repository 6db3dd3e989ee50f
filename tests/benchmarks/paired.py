"""Comparing ways to compute the same: all sides in one process, in turn, medians and ratios."""

import ctypes
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

Sides = Mapping[str, Callable[[], Any]]


def compare(sides: Sides, rounds: int, device: str = "cpu") -> dict[str, dict[str, float]]:
    """The median seconds of each side, and the median over the rounds of the first side's seconds to its own.

    Each round runs all sides, each time another one first; two rounds before them do not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 2):
        names = list(sides)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            _wait(device)
            start = time.perf_counter()
            sides[name]()
            _wait(device)
            seconds[name].append(time.perf_counter() - start)
    first = seconds[next(iter(sides))][2:]
    return {
        name: {
            "seconds": round(statistics.median(own[2:]), 5),
            "times_as_fast": round(statistics.median(f / o for f, o in zip(first, own[2:], strict=True)), 3),
        }
        for name, own in seconds.items()
    }


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def peak_memory(compute: Callable[[], Any], device: str = "cpu") -> float:
    """The megabytes that a call adds at its peak; on a CPU of the whole process, which needs Linux."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        compute()
        torch.cuda.synchronize()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20, 1)
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is in use
    before = _status("VmRSS")
    compute()
    return round((_status("VmHWM") - before) / 2**10, 1)


def peak_of_tensors(compute: Callable[[], Any]) -> float:
    """The megabytes of the tensors that a call makes on the CPU, at most at a time.

    What a process takes from the system besides, and keeps of what was freed, is the allocator's affair, and differs
    from call to call by more than a small batch needs.
    """
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        compute()
    found = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(found, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return round(most / 2**20, 2)


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def machine(device: str = "cpu") -> str:
    """What it ran on."""
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    models = [line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")]
    name = models[0] if models else platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def keep(script: str, device: str, what: str, results: Any) -> None:
    """Write the results beside the script, one file a device."""
    facts = {"what": what, "machine": machine(device), "results": results}
    path = Path(script).with_suffix("")
    path.with_name(f"{path.name}-{device}.json").write_text(json.dumps(facts, indent=1) + "\n")
