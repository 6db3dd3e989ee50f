"""A folder is known by what its own command writes directly in it."""

import json
from pathlib import Path

import pytest

from autobert_zero_hf.folders import FolderKind, budgets_in, kind_of


def journal(*events: str) -> str:
    return "".join(json.dumps({"event": event, "elapsed": 0.0}) + "\n" for event in events)


SEARCH = journal("start", "data", "supernet", "candidate", "trained", "finished")
BEGUN = journal("start", "data", "supernet")
KINDS: dict[str, tuple[FolderKind, dict[str, str]]] = {
    "a search": (FolderKind.SEARCH, {"journal.jsonl": SEARCH}),
    "one that has just begun": (FolderKind.SEARCH, {"journal.jsonl": BEGUN}),
    "one that is damaged": (FolderKind.SEARCH, {"journal.jsonl": "[1]\n" + "[" * 100_000 + "\n\x00\n"}),
    "one with pages and copies": (
        FolderKind.SEARCH,
        {
            "journal.jsonl": SEARCH,
            "shrink.json": "{}",
            **{f"{name}/journal.jsonl": SEARCH for name in ("hub", "hub-history", "copy", "2x", "500-parameters")},
        },
    ),
    "a shrink": (FolderKind.SHRINK, {"journal.jsonl": BEGUN, "shrink.json": "{}", "2x/journal.jsonl": SEARCH}),
    "one that is not finished": (FolderKind.SHRINK, {"journal.jsonl": BEGUN + journal("budgets")}),
    "one of an older version": (FolderKind.SHRINK, {"journal.jsonl": BEGUN, "0.5ms/journal.jsonl": SEARCH}),
    "one without its journal": (FolderKind.SHRINK, {"shrink.json": "{}"}),
    "a model": (FolderKind.MODEL, {"config.json": "{}"}),
    "a pre-trained one": (FolderKind.PRE_TRAINED, {"config.json": "{}", "pretraining.json": "{}"}),
    "a fine-tuned one": (FolderKind.FINE_TUNED, {"config.json": "{}", "result.json": "{}", "pretraining.json": "{}"}),
    "a page": (
        FolderKind.PAGE,
        {"config.json": "{}", "backbone.svg": "", "result.json": "{}", "journal.jsonl": SEARCH},
    ),
    "a grid": (FolderKind.EVALUATION, {"cells.jsonl": ""}),
    "nothing": (FolderKind.OTHER, {"notes.txt": "", "first/journal.jsonl": SEARCH}),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name: str, tmp_path: Path) -> None:
    kind, files = KINDS[name]
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    assert kind_of(tmp_path) is kind


def test_there_may_be_no_folder(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "none") is FolderKind.OTHER


def test_budgets_are_those_that_shrink_names(tmp_path: Path) -> None:
    for name in ("2x", "0.25ms", "1e-05ms", "500000-parameters", "hub", "evaluation", "copy-2x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.jsonl").write_text(SEARCH)
    (tmp_path / "8x").mkdir()
    assert [place.name for place in budgets_in(tmp_path)] == ["0.25ms", "1e-05ms", "2x", "500000-parameters"]
