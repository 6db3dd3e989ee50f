"""Whether two paths lead to the same, by their digests where these are known."""

from pathlib import Path
from typing import Any

import pytest

from autobert_zero_hf.data.contents import digest, digest_of_model, leads_to_same

SAME = {
    "moved": ("model", "runs/a", "1", "/far/runs/a", "1"),
    "changed in its place, rows tell": ("dataset", "a", "1", "./a", "2"),
    "not known, another spelling": ("model", "runs/../a", None, "a/", "1"),
    "of the Hub": ("model", "google-bert/bert-base-uncased", None, "google-bert/bert-base-uncased", None),
    "a backbone by its name": ("backbone", "bert", None, "bert", None),
    "renamed": ("text", ["a.txt", "b.txt"], ["1", "2"], ["c.txt", "d.txt"], ["1", "2"]),
    "no text": ("text", [], None, [], None),
    "gone": ("model", "a", "1", "./a", None),
}
OTHER = {
    "changed in its place": ("model", "a", "1", "a", "2"),
    "a text changed in its place": ("text", ["a.txt"], ["1"], ["./a.txt"], ["2"]),
    "another, not known": ("model", "a", None, "b", "1"),
    "another order": ("text", ["a", "b"], ["1", "2"], ["b", "a"], ["2", "1"]),
    "one of them is not there": ("text", ["a", "b"], ["1", None], ["c", "d"], ["1", None]),
    "a text and none": ("text", ["a"], ["1"], [], None),
    "damaged": ("text", 5, 7, ["a"], ["1"]),
    "damaged, in a list": ("text", ["a", 5], {"a": 1}, ["a", "b"], ["1", "2"]),
    "no path": ("model", "a\0b", None, "a", "1"),
}


@pytest.mark.parametrize("case", SAME.values(), ids=SAME.keys())
def test_it_is_the_same(case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert leads_to_same(*case)


@pytest.mark.parametrize("case", OTHER.values(), ids=OTHER.keys())
def test_it_is_another(case: Any) -> None:
    assert not leads_to_same(*case)


def test_what_a_digest_is_of(tmp_path: Path) -> None:
    (tmp_path / "a" / "days").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "days/train.jsonl"):
        (tmp_path / "a" / name).write_text(name)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    places = ("model", "tasks", "dataset", "backbone")
    before = [digest(place, str(tmp_path / "a")) for place in places]
    assert before == [digest(place, str(tmp_path / "b")) for place in places] and None not in before
    (tmp_path / "a" / "README.md").write_text("says what it is")
    assert [digest(place, str(tmp_path / "a")) == old for place, old in zip(places, before, strict=True)] == [
        True, True, False, True,
    ]  # fmt: skip
    (tmp_path / "a" / "days" / "train.jsonl").write_text("another row")
    assert digest("tasks", str(tmp_path / "a")) != before[1]
    # As it stands in the cells of older evaluations.
    assert digest_of_model(str(tmp_path / "a")) == before[0] == "1da06c0f851c0bd0"
    nowhere = ["a\0b", "x" * 5000, str(tmp_path / "none"), "google-bert/bert-base-uncased"]
    assert all(digest(place, each) is None for place in (*places, "text") for each in nowhere)
    assert digest("backbone", "bert") is None and digest_of_model("x" * 5000) == ""
