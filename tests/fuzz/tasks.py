"""Folders of tasks, and their files as data sets: labels and rows of hostile values, and files that were spoilt."""

import json
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.data_options import TaskDataOptions
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.tasks.own_data import task_from_data

from .hostile import failure_of, hostile_value, main, mutated

CLASSES: dict[str, Any] = {"names": ["no", "yes"]}
RATINGS: dict[str, Any] = {"names": [], "range": [0, 5]}
ANSWERS = {"text": ["Rome"], "answer_start": [7]}
ROWS: tuple[dict[str, Any], ...] = (
    {"sentence": "A text.", "label": 1},
    {"text": "A text.", "label": "yes"},
    {"sentence1": "A text.", "sentence2": "Another.", "label": 0.0},
    {"id": "1", "context": "In old Rome.", "question": "Where?", "answers": ANSWERS},
)


def write(folder: Path, rng: random.Random) -> None:
    """One task."""
    kind = rng.choice(ROWS)
    labels: Any = rng.choice((CLASSES, RATINGS))
    if rng.random() < 0.3:
        labels = rng.choice(
            (hostile_value(rng), {"names": hostile_value(rng)}, {**RATINGS, "range": hostile_value(rng)})
        )
    contents = {"labels.json": json.dumps(labels)}
    for name in ("train.jsonl", "validation.jsonl"):
        rows: list[Any] = [{**kind, **({"id": str(number)} if "id" in kind else {})} for number in range(4)]
        if rng.random() < 0.6:
            place = rng.randrange(len(rows))
            whole = rng.random() < 0.2
            rows[place] = hostile_value(rng) if whole else {**rows[place], rng.choice(list(kind)): hostile_value(rng)}
        contents[name] = "".join(json.dumps(row) + "\n" for row in rows)
    for name, content in contents.items():
        spoilt = mutated(content, rng) if rng.random() < 0.3 else content
        mark = rng.choice(("", "", "\ufeff"))
        (folder / name).write_bytes((mark + spoilt).encode(rng.choice(("utf-8", "utf-8", "utf-16")), errors="replace"))


def read(folder: Path) -> None:
    """All that is known of a task before a model sees it."""
    task = load_task("mine", folder=folder)
    _ = task.baseline, task.constant_answer, task.metric


def read_file(folder: Path) -> None:
    """The same of its training rows, as a data set whose bad rows are skipped."""
    task = task_from_data(folder / "mine" / "train.jsonl", options=TaskDataOptions(skip_bad_rows=True))
    _ = task.baseline, task.constant_answer, task.metric


def run(count: int, seed: int) -> list[str]:
    """The failures among so many tasks."""
    rng = random.Random(seed)
    failures = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "mine").mkdir()
        for number in range(count):
            write(folder / "mine", rng)
            for how in (read, read_file):
                failure = failure_of(f"task {number} of seed {seed}", partial(how, folder), (AutoBertZeroError,))
                failures += [failure] * (failure is not None)
    return failures


if __name__ == "__main__":
    main(run, 100)
