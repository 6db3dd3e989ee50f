"""The baseline of a search with the best of several learning rates."""

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from safetensors.torch import load_file

from autobert_zero_hf.commands.main import main
from tests.data.test_unknown_tokens import write
from tests.search.small_search import command, journal

OPTIONS = {"supernet_steps": 8, "candidates": 3, "population": 3, "final_steps": 12, "final_learning_rate": 0.01}


def test_the_best_of_several_rates_counts(
    documents: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what a search with that rate alone comes to, bit by bit, and the winner is as it was."""
    text = Path(write(tmp_path, [each[:300] for each in documents["text"]]))

    def run(name: str, rates: list[float]) -> dict[str, Any]:
        words = [*command(text, tmp_path / name, **OPTIONS)[3:], "--baseline-rates", *map(str, rates)]
        assert main(words) == 0
        return {each["name"]: each for each in journal(tmp_path / name) if each["event"] == "trained"}

    several = run("several", [0.001, 1.0, 1e12])
    printed = capsys.readouterr().out
    assert "; the best of 3 learning rates)" in printed
    assert several["bert"]["learning_rate"] == 0.01, "hardly trained, trained, and diverged"
    assert "learning rate 0.01, the best of 3;" in (tmp_path / "several" / "bert" / "README.md").read_text()
    alone = run("alone", [1.0])
    assert "learning_rate" not in alone["bert"] and "learning rates" not in capsys.readouterr().out
    for name in ("best", "bert"):
        assert several[name]["correct"] == alone[name]["correct"]
        one, other = (load_file(tmp_path / each / name / "model.safetensors") for each in ("several", "alone"))
        assert all(weight.equal(other[key]) for key, weight in one.items())
