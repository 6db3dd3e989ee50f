"""A page as `push --dry-run` shows it, and facts that a folder may hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from autobert_zero_hf.commands.main import main
from tests.hub.cards import card_errors


def stage(capsys: pytest.CaptureFixture[str], folder: Path, *words: str, repo_id: str = "someone/first") -> str:
    """What `--dry-run` shows."""
    assert main(["push", str(folder), repo_id, "--dry-run", *words]) == 0
    return capsys.readouterr().out


def card_of(folder: Path) -> ModelCard:
    text = (folder / "hub" / "README.md").read_text()
    assert not card_errors(text)
    assert not re.search(r"\{\{ |\{%|\| None|: None|\bnan\b", text), "something was not filled in"
    return ModelCard(text)


def section(card: ModelCard, title: str) -> str:
    return card.text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def write(folder: Path, name: str, facts: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(facts))


FINE_TUNED = {
    "model": "runs/none", "task": "stsb", "dataset": "nyu-mll/glue", "dataset_config": "stsb", "pearson": 0.81,
    "spearman": 0.79, "score": 0.8, "standard_error": 0.0125, "baseline": 0.0, "rows": 1500, "epochs": 3.0,
    "learning_rate": 5e-4, "seed": 0, "trials": [{"seed": 0, "score": 0.8}],
}  # fmt: skip
SPANS = {
    "model": "runs/none", "task": "squad", "dataset": "rajpurkar/squad", "exact_match": 0.5, "f1": 0.625,
    "score": 0.625, "standard_error": 0.01, "baseline": 0.02, "rows": 900,
}  # fmt: skip
PRE_TRAINED = {
    "objective": "masked words", "whole_word_masking": True, "teacher": None,
    "text": "/home/me/brown.txt, /home/me/more.txt", "started_from": "model /home/me/none",
    "steps": 1000, "learning_rate": 1e-3, "seconds": 12.5, "held_out_rows": 300,
    "masked_words": 5000, "accuracy": 0.25, "accuracy_standard_error": 0.003, "accuracy_baseline": 0.06, "loss": 4.5,
    "loss_standard_error": 0.02, "loss_baseline": 6.5, "layers": ["conv(3)"],
    "loss_curve": [[500, 5.5], [1000, 4.5]],
    "options": {"seed": 0, "text": ["/home/me/brown.txt", "/home/me/more.txt"], "model": "/home/me/none"},
}  # fmt: skip
