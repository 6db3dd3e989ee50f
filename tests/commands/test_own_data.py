"""`finetune` and `evaluate` on somebody's own files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, BertTokenizer, pipeline

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import DEMO_TOPICS, load_demo
from autobert_zero_hf.tasks.loading import load_asked_task
from tests.tagged_words import tagged_words


@pytest.fixture(scope="module")
def model(tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = AutoBertZeroConfig(**{**tiny_settings, "classifier_pooling": "mean"})
    AutoBertZeroForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles: with their topic, with several labels, and with capitals as entities."""
    folder = tmp_path_factory.mktemp("files")
    news = load_demo().select(range(0, 2125, 4))
    topics = [DEMO_TOPICS[label] for label in news["label"]]
    texts = [text[:250] for text in news["text"]]
    pd.DataFrame({"body": [*texts, None], "topic": [*topics, "tech"]}).to_csv(folder / "topics.csv", index=False)
    several = [[topic, "leisure" if topic in ("sports", "entertainment") else "work"] for topic in topics]
    pd.DataFrame({"text": texts, "labels": several}).to_parquet(folder / "several.parquet")
    _, words, tags = tagged_words(news)
    rows = [{"tokens": one, "ner_tags": two} for one, two in zip(words, tags, strict=True)]
    for name, part in (("train", rows[:400]), ("validation", rows[400:470]), ("test", rows[470:])):
        (folder / "entities").mkdir(exist_ok=True)
        (folder / "entities" / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in part))
    return folder


def finetune(model: str, folder: Path, *words: str) -> dict[str, Any]:
    rate = ["--learning-rate", "0.01", "--max-length", "48", "--epochs", "3"]
    assert main(["finetune", "--model", model, "--output-dir", str(folder), *rate, *words]) == 0
    return json.loads((folder / "result.json").read_text())


def test_a_table_of_texts(
    model: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    table = ["--data", str(files / "topics.csv")]
    columns = ["--text-column", "body", "--label-column", "topic"]
    refused = ["finetune", "--model", model, "--output-dir", str(tmp_path / "none"), *table, *columns]
    assert main(refused) == 1
    assert "body is missing; mend it, or leave such rows out by --skip-bad-rows" in capsys.readouterr().err
    result = finetune(model, tmp_path / "topics", *table, *columns, "--skip-bad-rows")
    assert "1 of 533 rows of train are bad and skipped, the first: " in caplog.text
    assert "there is no split validation: 53 of 532 rows are held out" in caplog.text
    assert f"topics: accuracy {result['accuracy']:.4f} ± {result['standard_error']:.4f}" in capsys.readouterr().out
    assert (result["task"], result["data"]) == ("topics", str(files / "topics.csv"))
    assert (result["text_columns"], result["label_column"]) == (["body"], "topic")
    assert (result["skipped_rows"], result["held_out_of_train"], result["rows"]) == ({"train": 1}, 53, 53)
    assert result["accuracy"] > result["majority"] + 2 * result["standard_error"]
    names = AutoModelForSequenceClassification.from_pretrained(tmp_path / "topics").config.id2label
    assert tuple(names.values()) == tuple(sorted(DEMO_TOPICS))


def test_several_labels(model: str, files: Path, tmp_path: Path) -> None:
    table = files / "several.parquet"
    result = finetune(model, tmp_path, "--data", str(table), "--task", "mine", "--epochs", "6")
    assert (result["task"], result["constant_answer"]) == ("mine", "always leisure, work")
    assert (result["score"], result["baseline"]) == (result["f1"], 0.5)
    assert result["f1"] > 4 * result["standard_error"] > 0
    # A pipeline, which looks at each label by itself, has the same score.
    task = load_asked_task("mine", data=table)
    classify = pipeline("text-classification", model=str(tmp_path), top_k=None, truncation=True, max_length=48)
    found = [{each["label"]: each["score"] for each in row} for row in classify(task.validation["text"][:])]
    given = np.array([[row[name] - 0.5 for name in task.labels] for row in found])
    assert task.score(given).value == result["f1"]
    assert any(sum(row.values()) > 1.2 for row in found)


def test_entities(model: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = finetune(model, tmp_path / "tuned", "--data", str(files / "entities"))
    lines = capsys.readouterr().out.splitlines()
    assert f"entities: f1 {result['f1']:.4f}, precision {result['precision']:.4f}, recall" in lines[-3]
    assert "on 70 held-out rows; always O gives 0.0000" in lines[-3]
    assert lines[-2].startswith(f"entities_test: f1 {result['further']['entities_test']['f1']:.4f}, ")
    assert result["further"]["entities_test"]["rows"] == 62
    assert result["score"] == result["f1"] > 4 * result["standard_error"] > 0
    names = AutoModelForTokenClassification.from_pretrained(tmp_path / "tuned").config.id2label
    assert names == {0: "B-CAP", 1: "I-CAP", 2: "O"}
    find = pipeline("token-classification", model=str(tmp_path / "tuned"), aggregation_strategy="simple")
    assert {each["entity_group"] for each in find("The leader of the Labour party is in London.")} <= {"CAP"}


def test_nothing_to_evaluate_on(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--models", model, "--output-dir", str(tmp_path / "table")]) == 1
    assert "no task is given: give tasks by name, or data that has some" in capsys.readouterr().err
    assert not (tmp_path / "table").exists()


def test_entities_are_evaluated(model: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--models", model, "--data", str(files / "entities"), "--seeds", "2"]
    words += ["--output-dir", str(tmp_path), "--epochs", "1", "--learning-rate", "0.01", "--max-length", "48"]
    assert main(words) == 0
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(table["tasks"]) == ["entities", "entities_test"]
    assert table["tasks"]["entities"]["metric"] == "F1 of entities"
    assert [row["seeds"] for row in table["results"]] == [2, 2]
    assert main(words) == 0
    assert "2 fine-tunings, 2 of them there already" in capsys.readouterr().err
    # Tags of other names are another task, although their numbers are the same.
    (tmp_path / "others").mkdir()
    for split in ("train", "validation", "test"):
        text = (files / "entities" / f"{split}.jsonl").read_text().replace("-CAP", "")
        (tmp_path / "others" / f"{split}.jsonl").write_text(text)
    words[words.index("--data") + 1] = str(tmp_path / "others")
    assert main([*words, "--tasks", "entities"]) == 0
    assert "fine-tunings are there already" not in capsys.readouterr().err
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert table["tasks"]["entities"]["metric"] == "accuracy of words"


def test_without_a_task_it_is_said(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "--model", model, "--output-dir", str(tmp_path / "out")]) == 1
    assert "error: no task is given: give --task NAME, or a data set as --data" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
