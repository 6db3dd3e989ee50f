"""A search of text that its tokenizer does not know: proteins, and Thai without spaces."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoConfig, AutoTokenizer, BertTokenizer

from autobert_zero_hf.commands.main import main
from tests.data.test_unknown_tokens import LONG, THAI, proteins, write
from tests.search.small_search import command, journal

TINY = {"supernet_steps": 2, "backbones_per_step": 1, "candidates": 2, "population": 2, "final_steps": 1}
WORD_PIECES = {**TINY, "vocabulary": "wordpiece"}


def words(text: str, folder: Path, **changes: object) -> list[str]:
    return command(Path(text), folder, **{**WORD_PIECES, **changes})[3:]


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
    assert said.startswith("text.txt: ") and LONG in said and "--vocabulary bpe" in said
    candidates = [event for event in journal(tmp_path / "run") if event["event"] == "candidate"]
    assert len(candidates) == 2 and all(event["failure"] is None for event in candidates)


def test_the_script_chooses_the_vocabulary_and_the_card_tells_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Words of 300 letters come apart; what was found is opened with the tokenizer that was trained."""
    text, folder = write(tmp_path, proteins(60)), tmp_path / "run"
    assert main(words(text, folder, vocabulary="auto")) == 0
    said = capfd.readouterr().err
    assert "; a vocabulary of 800 pieces (BPE), which need no spaces between words, in lower case; 0.0%" in said
    (data,) = [event for event in journal(folder) if event["event"] == "data"]
    assert data["new_vocabulary"].startswith("pieces (BPE)")
    assert "A vocabulary of 800 pieces (BPE)" in (folder / "best" / "README.md").read_text()
    tokenizer = AutoTokenizer.from_pretrained(folder / "best")
    assert tokenizer.unk_token_id not in tokenizer(proteins(1)[0])["input_ids"]


def test_a_tokenizer_that_is_there_is_used(
    documents: Dataset, tokenizer: BertTokenizer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tokenizer.save_pretrained(tmp_path / "mine")
    text, mine = write(tmp_path, [each[:300] for each in documents["text"]]), {"tokenizer": str(tmp_path / "mine")}
    assert main(words(text, tmp_path / "run", **mine)) == 1
    assert "vocab_size, vocabulary: of a new vocabulary, and tokenizer names one" in capfd.readouterr().err
    given = words(text, tmp_path / "run", **mine)
    for name in ("--vocab-size", "--vocabulary"):
        del given[(place := given.index(name)) : place + 2]
    assert main(given) == 0
    best = tmp_path / "run" / "best"
    assert AutoTokenizer.from_pretrained(best).get_vocab() == tokenizer.get_vocab()
    assert AutoConfig.from_pretrained(best).vocab_size == len(tokenizer) == 1000
    assert "The vocabulary is that of mine." in (best / "README.md").read_text()
    assert main([*given, "--tokenizer", str(tmp_path / "none")]) == 1
