"""A bound on the parameters of the whole model, which the vocabulary has most of."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoModel

from autobert_zero_hf.commands.main import main
from tests.data.test_unknown_tokens import write
from tests.search.small_search import command, journal

OPTIONS = {
    "mixed_precision": "no",
    "supernet_steps": 2,
    "backbones_per_step": 1,
    "candidates": 4,
    "population": 2,
    "final_steps": 1,
}


def test_no_candidate_is_a_larger_model_than_is_wanted(
    documents: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text, folder = write(tmp_path, [each[:300] for each in documents["text"]]), tmp_path / "run"

    def words(most: int) -> list[str]:
        return command(Path(text), folder, **OPTIONS, max_parameters=most, max_parameters_of="model")[3:]

    assert main(words(30_000)) == 1
    said = capfd.readouterr().err
    assert "error: max_parameters=30,000 is less than any backbone of these sizes has" in said
    assert not (folder / "journal.jsonl").exists(), "another bound can be given in the same folder"
    most = 43_000
    assert main(words(most)) == 0
    counts = [event["parameters"] for event in journal(folder) if event["event"] == "trained"]
    assert AutoModel.from_pretrained(folder / "best").num_parameters() <= most < max(counts)
