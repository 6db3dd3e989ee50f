"""The Hub's tasks, out of folders of the Hub's layout that `datasets` loads under the same names; and local files."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.tasks.glue import GLUE
from autobert_zero_hf.tasks.loading import HUB_TASKS, load_task, task_names
from autobert_zero_hf.tasks.metrics import MatthewsCorrelation, PearsonAndSpearman
from autobert_zero_hf.tasks.squad import SpanTask
from autobert_zero_hf.tasks.squad_metrics import SquadV2
from autobert_zero_hf.tasks.task import Task, TaskError
from tests.span_tasks import cloze_rows
from tests.task_folders import write_task

Parts = dict[str, Dataset]


def write_hub_dataset(folder: Path, configs: dict[str, Parts]) -> None:
    """A data set as the Hub has it: parquet files, and which belongs to which configuration in the card."""
    card = ["---", "configs:"]
    for config, parts in configs.items():
        card += [f"- config_name: {config}", "  data_files:"]
        for split, rows in parts.items():
            path = folder / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.to_parquet(path)
            card += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))


def glue_part(name: str, texts: list[str], labelled: bool = True) -> Dataset:
    known = GLUE[name]
    columns: dict[str, list[Any]] = {
        column: [f"{place} {text}" for text in texts] for place, column in enumerate(known.texts)
    }
    if known.labels:
        numbers: list[Any] = [number % len(known.labels) for number in range(len(texts))]
        kind: Any = ClassLabel(names=list(known.labels))
    else:
        numbers, kind = [number % 26 / 5 for number in range(len(texts))], Value("float32")
    features = Features({**{column: Value("string") for column in known.texts}, "label": kind, "idx": Value("int32")})
    columns |= {"label": numbers if labelled else [-1] * len(texts), "idx": list(range(len(texts)))}
    return Dataset.from_dict(columns, features=features)


@pytest.fixture(scope="module")
def titles() -> list[str]:
    return [text.split("\n", 1)[0] for text in load_demo()["text"][:60]]


@pytest.fixture(scope="module")
def hub(titles: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GLUE and SQuAD under the names that the Hub has for them; relative names are looked for here first."""
    folder = tmp_path_factory.mktemp("hub")
    configs = {}
    for name in GLUE:
        matched = ("validation_matched", "validation_mismatched") if name == "mnli" else ("validation",)
        parts = {"train": glue_part(name, titles[:40])}
        parts |= {split: glue_part(name, titles[40 + place : 50 + place]) for place, split in enumerate(matched)}
        parts["test"] = glue_part(name, titles[50:], labelled=False)
        configs[name] = parts
    write_hub_dataset(folder / "nyu-mll" / "glue", configs)
    news = load_demo().select(range(0, 2125, 40))
    for name, config, unanswerable in (("squad", "plain_text", False), ("squad_v2", "squad_v2", True)):
        rows = Dataset.from_list([{**row, "title": "x"} for row in cloze_rows(news, unanswerable=unanswerable)])
        parts = {"train": rows.select(range(8, len(rows))), "validation": rows.select(range(8))}
        write_hub_dataset(folder / "rajpurkar" / name, {config: parts})
    return folder


@pytest.fixture(autouse=True)
def _in_the_hub(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hub)


@pytest.mark.parametrize("name", list(GLUE))
def test_tasks_of_glue(name: str, titles: list[str]) -> None:
    task = load_task(name)
    assert isinstance(task, Task)
    known = GLUE[name]
    pair = len(known.texts) == 2
    assert task.train.column_names == ["text", *["text_pair"] * pair, "label"]
    assert (len(task.train), len(task.validation)) == (40, 10)
    assert task.train["text"][0] == f"0 {titles[0]}"
    assert not pair or task.train["text_pair"][0] == f"1 {titles[0]}"
    assert task.validation["text"][0] == f"0 {titles[40]}"
    assert (task.labels, task.label_range) == (known.labels, known.label_range)
    assert task.dataset == ("nyu-mll/glue", name)
    assert isinstance(task.metric, PearsonAndSpearman) == (name == "stsb")
    assert isinstance(task.metric, MatthewsCorrelation) == (name == "cola")
    assert 0 <= task.baseline <= 1
    assert list(task.further) == (["mnli_mismatched"] if name == "mnli" else [])
    for rows in task.further.values():
        assert rows["text"][0] == f"0 {titles[41]}"


def test_tasks_of_squad() -> None:
    one, two = load_task("squad"), load_task("squad_v2")
    assert isinstance(one, SpanTask)
    assert isinstance(two, SpanTask)
    assert (one.has_unanswerable, two.has_unanswerable) == (False, True)
    assert isinstance(two.metric, SquadV2)
    assert not isinstance(one.metric, SquadV2)
    assert two.dataset == ("rajpurkar/squad_v2", "squad_v2")
    row = one.train[0]
    assert row["context"][row["starts"][0] :].startswith(row["answers"][0])


def test_names_of_all_tasks(tmp_path: Path) -> None:
    assert task_names(["all"]) == HUB_TASKS
    assert task_names(["rte", "glue"])[0] == "rte"
    assert sorted(task_names(["rte", "glue"])) == sorted(GLUE)
    rows = [{"sentence": "a", "label": 0}] * 2
    write_task(tmp_path / "glue" / "mine", {"names": ["no", "yes"]}, rows, rows)
    write_task(tmp_path / "other", {"names": ["no", "yes"]}, rows, rows)
    assert task_names(["all"], tmp_path) == ("glue/mine", "other")
    assert load_task("glue/mine", folder=tmp_path).name == "glue/mine"
    (tmp_path / "empty").mkdir()
    with pytest.raises(TaskError, match="no task is there"):
        task_names(["all"], tmp_path / "empty")


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (lambda rows: rows.remove_columns("sentence2"), r"\(rte, train\): no column 'sentence2'; its columns are"),
        (lambda rows: rows.select([]), r"\(rte, train\) cannot be loaded: .*no data"),
        (
            lambda rows: glue_part("rte", ["a", "b"], labelled=False),
            "train.*, row 0: label -1 is not a",
        ),
        (
            lambda rows: Dataset.from_dict({"sentence1": ["a", None], "sentence2": ["b", "c"], "label": [0, 1]}),
            "row 1: sentence1 is not a text but None",
        ),
    ],
)
def test_spoilt_data_sets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Any, reason: str) -> None:
    rows = glue_part("rte", ["a", "b", "c"])
    write_hub_dataset(tmp_path / "nyu-mll" / "glue", {"rte": {"train": part(rows), "validation": part(rows)}})
    monkeypatch.chdir(tmp_path)
    # It is kept under its name, which another folder had before.
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(TaskError, match=reason):
        load_task("rte")


def test_a_hub_that_is_not_reached_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskError, match=r"nyu-mll/glue \(cola, .* cannot be loaded: .*--data DIR"):
        load_task("cola")


def test_local_files_have_the_columns_of_glue(tmp_path: Path) -> None:
    folder = tmp_path / "mnli"
    folder.mkdir()
    for place, part in enumerate(("train", "validation_matched", "validation_mismatched")):
        row = {"premise": f"p {part}", "hypothesis": "h", "label": place, "idx": 0}
        (folder / f"{part}.jsonl").write_text((json.dumps(row) + "\n") * 2)
    task = load_task("mnli", folder=tmp_path)
    assert isinstance(task, Task)
    assert task.labels == GLUE["mnli"].labels
    assert task.validation[0] == {"text": "p validation_matched", "text_pair": "h", "label": 1}
    assert task.further["mnli_mismatched"][0]["label"] == 2
    assert task.dataset is None
    rows = [{"question": "q", "sentence": "s", "label": 1}] * 2
    write_task(tmp_path / "qnli", {"names": ["entailment", "not_entailment"]}, rows, rows)
    assert load_task("qnli", folder=tmp_path).train[0] == {"text": "q", "text_pair": "s", "label": 1}
