"""A small but real search, as a user runs it: in processes of its own."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autobert_zero_hf.search.supernet import biws
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.terminal import run, run_together

from .journal_lines import read_journal, with_checksums

OPTIONS = {
    "vocab-size": 800,
    "sequence-length": 32,
    "num-layers": 2,
    "hidden-size": 32,
    "intermediate-size": 64,
    "dropout": 0.1,
    "max-parameters": 15_000,
    "supernet-steps": 12,
    # So that in so few steps different models come to different scores.
    "supernet-learning-rate": 0.03,
    "final-learning-rate": 0.01,
    "supernet-batch-size": 4,
    # Two processes, and three, share them unevenly or evenly.
    "backbones-per-step": 3,
    "population": 6,
    "parents": 2,
    "children": 2,
    "candidate-steps": 2,
    "candidate-batch-size": 4,
    "evaluation-rows": 40,
    "candidates": 13,
    "final-steps": 6,
}
LAUNCH = ("-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1", "--mixed_precision", "no", "--quiet")
SMALLEST: dict[str, Any] = {
    "sequence_length": 32,
    "num_layers": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "search_sizes": "head_dim",
    "hidden_step": 8,
    "min_hidden_size": 8,
    "intermediate_step": 8,
    "supernet_steps": 2,
    "supernet_batch_size": 2,
    "population": 2,
    "candidates": 2,
    "candidate_steps": 1,
    "candidate_batch_size": 2,
    "evaluation_rows": 4,
    "final_steps": 1,
    "final_batch_size": 2,
    "mixed_precision": "no",
    "supernet_loss": "both",
}
"""The options, as a recipe has them, of a search over sizes that learns from a teacher and takes a second or two."""


def words(text: Path, folder: Path, **changes: Any) -> list[str]:
    """Those of the command line."""
    options = {**OPTIONS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    listed = {name: value if isinstance(value, list) else str(value).split() for name, value in options.items()}
    given = [word for name, value in listed.items() for word in (f"--{name}", *value)]
    return ["search", "--output-dir", str(folder), "--text", str(text), *given]


def often_saving(words: Sequence[str]) -> list[str]:
    """The command line, with a checkpoint of the super-net every 4 steps instead of 50: few steps have one within."""
    code = (
        f"import sys, {biws.__name__} as training\n"
        "from autobert_zero_hf.commands.main import main\n"
        "training._STEPS_BETWEEN_CHECKPOINTS = 4\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    return ["-c", code, *words]


def command(text: Path, folder: Path, processes: int = 1, **changes: Any) -> list[str]:
    """A program with its arguments, which begins with an import of seconds; `search` needs none."""
    launch = [*LAUNCH, "--num_processes", str(processes), "--main_process_port", "0"] if processes > 1 else []
    return [sys.executable, *launch, "-m", "autobert_zero_hf", *words(text, folder, **changes)]


def environment() -> dict[str, str]:
    # One thread, because sums over another number of threads round differently.
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def search(text: Path, folder: Path, status: int = 0, processes: int = 1, **changes: Any) -> str:
    """What a search to its end has printed, in one process or in several; `test_faults.py` launches them."""
    given = words(text, folder, **changes)
    # Not for all: transformers says it aloud when it is imported.
    offline = {"WANDB_MODE": "offline"} if "wandb" in changes.get("report_to", "") else {}
    ended, said = run_together(processes, given) if processes > 1 else run(given, **offline)
    assert ended == status, said
    return said


def journal(folder: Path) -> list[dict[str, Any]]:
    """The events, each of which has its whole line."""
    return read_journal(folder / "journal.jsonl")


def rewrite(folder: Path, events: Sequence[Mapping[str, Any]]) -> None:
    """Have other events in a journal, as if a search had written them."""
    (folder / "journal.jsonl").write_bytes(with_checksums(events))


def candidates_in(folder: Path) -> int:
    file = folder / "journal.jsonl"
    return file.read_bytes().count(b'"event": "candidate"') if file.exists() else 0


def without_times(folder: Path) -> list[dict[str, Any]]:
    """The events, less what differs between two runs of the same search."""
    own = ("elapsed", "seconds", "processes")
    return [
        {k: v for k, v in event.items() if k not in own and (event["event"], k) != ("start", "identity")}
        for event in journal(folder)
    ]


def in_order(folder: Path) -> list[str]:
    """The same, whichever process wrote first."""
    return sorted(json.dumps(event, sort_keys=True) for event in without_times(folder))


def tensorboard_scalars(folder: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard reads: by name, the values by step; each step was told once."""
    events = EventAccumulator(str(folder / "logs" / "autobert-zero"), size_guidance={"scalars": 0}).Reload()
    found = {}
    for name in events.Tags()["scalars"]:
        scalars = events.Scalars(name)
        found[name] = {scalar.step: scalar.value for scalar in scalars}
        assert len(found[name]) == len(scalars)
    return found
