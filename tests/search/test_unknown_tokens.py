"""A search of text that its tokenizer does not know: proteins, and Thai without spaces."""

from pathlib import Path

import pytest
from datasets import Dataset

from autobert_zero_hf.commands.main import main
from tests.data.test_unknown_tokens import LONG, THAI, proteins, write
from tests.search.small_search import command, journal

TINY = {"supernet_steps": 2, "backbones_per_step": 1, "candidates": 2, "population": 2, "final_steps": 1}


def words(text: str, folder: Path, **changes: object) -> list[str]:
    return command(Path(text), folder, **{**TINY, **changes})[3:]


def test_a_text_with_no_word_to_mask_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text, folder = write(tmp_path, proteins(400)), tmp_path / "run"
    assert main(words(text, folder)) == 1
    said = capfd.readouterr().err
    assert "error: the rows to train on have no word to mask: all of the tokens are [UNK]" in said and LONG in said
    assert not (folder / "journal.jsonl").exists()
    # So few tokens come of so much text that there is no row at all; more of it would not help.
    assert main(words(write(tmp_path, proteins(40)), folder, sequence_length=128)) == 1
    said = capfd.readouterr().err
    assert "0 rows to train on" in said and "needed: all of the tokens are [UNK]" in said


def test_rows_without_a_word_harm_no_search(
    documents: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of the rows are of proteins, and many a batch of one row is."""
    news = [text[:300] for text in documents["text"][:60]]
    text = write(tmp_path, [*news, *proteins(900), *THAI])
    assert main(words(text, tmp_path / "run", supernet_batch_size=1, candidate_batch_size=1, candidate_steps=6)) == 0
    (said,) = [record.getMessage() for record in caplog.records if "[UNK]" in record.getMessage()]
    assert said.startswith("text.txt: ") and LONG in said and "--supernet-from" in said
    candidates = [event for event in journal(tmp_path / "run") if event["event"] == "candidate"]
    assert len(candidates) == 2 and all(event["failure"] is None for event in candidates)
