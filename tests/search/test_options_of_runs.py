"""Searches with other options than the default ones: inheritance, precision, tasks."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.launch.precision import gains_from_bfloat16
from tests.search.small_search import in_order, journal, search
from tests.task_folders import write_demo_tasks

INHERITANCE = {"inherit_from": "parent", "write_back": "", "candidate_learning_rate": 3e-3}


def test_what_is_inherited_comes_back_on_resuming(text: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    search(text, whole, **INHERITANCE)
    kept = {path.stem for path in (whole / "candidates").iterdir()}
    candidates = [event for event in journal(whole) if event["event"] == "candidate"]
    assert kept == {event["identity"] for event in candidates if event["score"] is not None}, "and not the baseline's"
    lines = (whole / "journal.jsonl").read_text().splitlines(keepends=True)
    for processes in (1, 2):
        # As if it had been killed within the second generation.
        folder = tmp_path / f"resumed-{processes}"
        shutil.copytree(whole, folder)
        (folder / "journal.jsonl").write_text("".join(lines[: 3 + 8]))
        known = {event["identity"] for event in journal(folder) if event["event"] == "candidate"}
        for path in (folder / "candidates").iterdir():
            if path.stem not in known:
                path.unlink()
        search(text, folder, processes=processes, **INHERITANCE)
        assert in_order(folder) == in_order(whole)


def test_a_search_goes_on_in_the_precision_that_it_was_begun_in(text: Path, tmp_path: Path) -> None:
    other = "no" if gains_from_bfloat16(torch.device("cpu")) else "bf16"
    search(text, tmp_path, hours=0.0, final_steps=0, mixed_precision=other)
    assert journal(tmp_path)[0]["recipe"]["mixed_precision"] == other
    assert "is finished" in search(text, tmp_path, hours=0.0, final_steps=0)
    refused = search(
        text, tmp_path, status=1, hours=0.0, final_steps=0, mixed_precision="bf16" if other == "no" else "no"
    )
    assert "mixed_precision: " in refused


def test_a_screened_search_comes_to_the_same_on_resuming(text: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "screen_by": "w-pca",
        "proxy": "loss",
        "final_steps": 0,
        "candidates": 6,
        "supernet_steps": 5,
    }
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    said = search(text, whole, **options)
    assert "Screened by w-pca, " in said
    assert "Kendall's tau" in said
    finished = journal(whole)[-1]
    assert finished["rejections"]["screened out"] >= 3
    first = [event for event in journal(whole) if event["event"] == "candidate" and event["generation"] == 0]
    assert len(first) == 3, "half of a population of 6"
    shutil.copytree(whole, resumed)
    lines = (whole / "journal.jsonl").read_text().splitlines(keepends=True)
    (resumed / "journal.jsonl").write_text("".join(lines[: 3 + 2]))
    search(text, resumed, **options)
    assert in_order(resumed) == in_order(whole)


def test_candidates_are_scored_on_tasks(text: Path, tmp_path: Path) -> None:
    tasks, folder = write_demo_tasks(tmp_path / "tasks", load_demo().select(range(0, 2000, 20))), tmp_path / "run"
    options: dict[str, Any] = {"hours": 0.0, "final_steps": 0, "proxy": "tasks", "tasks": "topics", "task_steps": 10}
    options.update(task_data=tasks, evaluation_rows=20)
    said = search(text, folder, **options)
    trained = [event for event in journal(folder) if event["event"] == "trained"]
    for event, name in zip(trained, ("best", "BERT"), strict=True):
        assert f"  {name:<12} {event['task_score']:.4f} ± {event['task_error']:.4f}\n" in said
    scores = [event["score"] for event in journal(folder) if event["event"] == "candidate"]
    assert all(round(score * 20) == pytest.approx(score * 20) for score in scores), "shares of 20 articles"
    tokenizer = json.loads((folder / "best" / "tokenizer.json").read_text())
    assert tokenizer["truncation"] is None, "what the tasks cut off does not stay"
    # Other rows of a task are another search.
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(lines[:-1]))
    rows = tasks / "topics" / "validation.jsonl"
    rows.write_text("".join(reversed(rows.read_text().splitlines(keepends=True))))
    said = search(text, folder, status=1, **options)
    assert f"holds a search with another recipe (task_data: what '{tasks}' holds has changed)" in said


def test_a_data_set_of_ones_own_is_a_task(text: Path, tmp_path: Path) -> None:
    """As the functions and commands that fine-tune take it; another row in it is another search."""
    news = load_demo().select(range(0, 2000, 20))
    data, folder = tmp_path / "news.csv", tmp_path / "run"
    labels = [f"topic {each}" for each in news["label"]]
    pd.DataFrame({"text": news["text"], "label": labels}).to_csv(data, index=False)
    options: dict[str, Any] = {"hours": 0.0, "final_steps": 0, "proxy": "tasks", "tasks": "mine", "task_steps": 2}
    options.update(task_data=data, evaluation_rows=10)
    assert "  best         " in search(text, folder, **options)
    assert journal(folder)[0]["recipe"]["tasks"] == ["mine"]
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(lines[:-1]))
    data.write_text(data.read_text() + "One more.,topic 1\n")
    assert "(task_data: what '" in search(text, folder, status=1, **options)
    several = {**options, "tasks": ["mine", "yours"]}
    assert f"{data} is one data set: give one name for its task" in search(text, tmp_path / "two", status=1, **several)


def test_tasks_that_are_not_there_are_said_before_any_work(text: Path, tmp_path: Path) -> None:
    said = search(text, tmp_path / "other", status=1, proxy="tasks", tasks="bbc_topics", task_data="/nowhere")
    assert "/nowhere: no such file or folder" in said
    assert not (tmp_path / "other").exists()
