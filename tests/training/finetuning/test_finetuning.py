"""Fine-tuning with Trainer: which weights and hyper-parameters are kept, and what is written."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.tasks.loading import load_task
from autobert_zero_hf.tasks.task import Task
from autobert_zero_hf.training.finetuning.training import (
    FineTuning,
    FineTuningOptions,
    Trial,
    default_learning_rate,
    finetune,
)
from autobert_zero_hf.training.replayable.fine_tuning import TaskRows, predict
from autobert_zero_hf.writing import claimed
from tests.span_tasks import cloze_rows, write_cloze
from tests.taken_folders import taken_from_within
from tests.task_folders import write_demo_tasks


@pytest.fixture(scope="module")
def news() -> Dataset:
    return load_demo().select(range(0, 2125, 15))


@pytest.fixture(scope="module")
def data(news: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news)
    rows = cloze_rows(news, unanswerable=True)
    write_cloze(folder / "cloze", rows[25:], rows[:25])
    return folder


@pytest.fixture(scope="module")
def model(tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = AutoBertZeroConfig(**{**tiny_settings, "classifier_pooling": "mean"})
    AutoBertZeroForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def test_the_weights_of_the_best_epoch_are_kept(
    model: str, data: Path, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    """Of several seeds at a rate that is too high, so that the last epoch is not always the best."""
    task = load_task("long_words", folder=data)
    assert isinstance(task, Task)
    tuning = FineTuning(model, task, FineTuningOptions())
    last_is_best = []
    for seed in range(3):
        result, trainer = tuning.run(Trial(0.03, 16, 3.0), seed, tmp_path / "checkpoints")
        epochs = [row["eval_score"] for row in trainer.state.log_history if "eval_score" in row]
        assert len(epochs) == 3
        assert result.value == max(epochs)
        last_is_best.append(epochs[-1] == max(epochs))
        again = task.score(predict(trainer.model, TaskRows(task.validation, tokenizer, 64)))
        assert again.value == pytest.approx(result.value, abs=1e-5)
        assert not (tmp_path / "checkpoints").exists()
    assert not all(last_is_best)


def test_training_stops_once_the_score_no_longer_rises(model: str, data: Path, tmp_path: Path) -> None:
    task = load_task("long_words", folder=data)
    tuning = FineTuning(model, task, FineTuningOptions(patience=1))
    result, trainer = tuning.run(Trial(0.03, 16, 20.0), 0, tmp_path / "checkpoints")
    epochs = [row["eval_score"] for row in trainer.state.log_history if "eval_score" in row]
    assert 2 <= len(epochs) < 20
    assert epochs[-1] <= epochs[-2] == max(epochs) == result.value
    assert epochs[:-1] == sorted(epochs[:-1])


def test_the_best_hyper_parameters_are_kept(model: str, data: Path, tmp_path: Path) -> None:
    """One that learns nothing, one that learns, and one that diverges."""
    options = FineTuningOptions(learning_rate=[1e-9, 5e-3, 1e30], batch_size=[16], epochs=[2.0], max_length=48)
    result = finetune(model, load_task("long_words", folder=data), tmp_path, options)
    values = [trial.value for trial in result.trials]
    assert [trial.trial.learning_rate for trial in result.trials] == [1e-9, 5e-3, 1e30]
    assert values[2] == -np.inf
    facts = read(tmp_path)
    assert facts["score"] == values[1] > values[0]
    assert (facts["learning_rate"], facts["batch_size"], facts["epochs"]) == (5e-3, 16, 2.0)
    assert [trial["score"] for trial in facts["trials"]] == [values[0], values[1], None]
    assert (facts["task"], facts["baseline"], facts["dataset"]) == ("long_words", 0.0, None)
    assert {"config.json", "model.safetensors", "tokenizer.json", "result.json"} <= {
        file.name for file in tmp_path.iterdir()
    }
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config.problem_type == "regression"


def test_an_interruption_leaves_the_best_so_far(
    model: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FineTuning.run

    def interrupted(self: FineTuning, trial: Trial, *arguments: Any, **more: Any) -> Any:
        if trial.epochs == 0.2:
            raise KeyboardInterrupt
        return real(self, trial, *arguments, **more)

    monkeypatch.setattr(FineTuning, "run", interrupted)
    options = FineTuningOptions(epochs=[0.1, 0.2], learning_rate=[1e-3])
    with pytest.raises(KeyboardInterrupt):
        finetune(model, load_task("mrpc", folder=data), tmp_path, options)
    assert read(tmp_path)["epochs"] == 0.1
    assert len(read(tmp_path)["trials"]) == 1
    AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert not (tmp_path / ".unfinished").exists()


def test_what_was_half_written_is_no_model_of_another(
    model: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the files of a model had come, the same command goes on."""
    task, options = load_task("mrpc", folder=data), FineTuningOptions(epochs=[0.1])
    real, last, done = Path.replace, 0, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        if target.parent == tmp_path and not target.name.startswith("."):
            done += 1
            if done > last:
                raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    for files in range(1, 5):
        last, done = files, 0
        with pytest.raises(KeyboardInterrupt):
            finetune(model, task, tmp_path, options)
    monkeypatch.undo()
    finetune(model, task, tmp_path, options)
    assert read(tmp_path)["epochs"] == 0.1


def test_a_folder_is_written_by_one_process_at_a_time(model: str, data: Path, tmp_path: Path) -> None:
    other = claimed(tmp_path, tmp_path / ".unfinished" / ".lock")
    options = FineTuningOptions(epochs=[0.1])
    with pytest.raises(AutoBertZeroError, match=f"another process is at work in {tmp_path}: let it end"):
        finetune(model, load_task("mrpc", folder=data), tmp_path, options)
    assert (tmp_path / ".unfinished" / ".lock").exists()
    other.release()
    finetune(model, load_task("mrpc", folder=data), tmp_path, options)
    assert not (tmp_path / ".unfinished").exists()


def test_a_folder_that_another_run_took_is_left_to_it(model: str, data: Path, tmp_path: Path) -> None:
    folder, task = tmp_path / "run", load_task("mrpc", folder=data)
    with taken_from_within(folder, folder / ".unfinished" / ".lock"):
        finetune(model, task, folder, FineTuningOptions(epochs=[50.0]))


def test_questions_are_answered(model: str, data: Path, news: Dataset, tmp_path: Path) -> None:
    task = load_task("cloze", folder=data)
    options = FineTuningOptions(learning_rate=[3e-3], epochs=[1.0])
    result = finetune(model, task, tmp_path, options)
    facts = read(tmp_path)
    assert facts["score"] == facts["f1"] == result.score.value
    assert {"exact_match", "answerable_f1", "unanswerable_f1", "best_f1", "best_f1_threshold"} <= set(facts)
    assert (facts["baseline"], facts["constant_answer"]) == (task.baseline, "never an answer")
    assert (facts["rows"], facts["max_length"], facts["n_best"]) == (25, 64, 20)
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == task.validation["id"][:]
    assert sum(line["f1"] for line in lines) / 25 == pytest.approx(facts["f1"])
    for line, context in zip(lines, task.validation["context"], strict=True):
        assert line["prediction"] in context
        assert any(answer["text"] == "" for answer in line["best"])
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path).qa_outputs.out_features == 2


def test_further_rows_are_scored_and_cut_texts_counted(
    model: str, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_task("long_words", folder=data)  # correlations, which another order would change
    assert isinstance(found, Task)
    rows = found.validation
    further_rows = {"mismatched": rows.select(range(20))}
    task = Task("mine", found.train, rows, (), found.label_range, further=further_rows)
    options = FineTuningOptions(epochs=[2.0], learning_rate=[5e-3], max_length=56, train_rows=80)
    with caplog.at_level(logging.WARNING):
        result = finetune(model, task, tmp_path, options)
    facts = read(tmp_path)
    (warning,) = facts["warnings"]
    assert warning in caplog.text
    tokenizer = result.tuning.tokenizer
    texts = [*found.train.shuffle(seed=0).select(range(80)), *rows, *rows.select(range(20))]
    longer = sum(len(tokenizer(row["text"])["input_ids"]) > 56 for row in texts)
    assert 0 < longer < len(texts)
    assert warning == f"{longer} of {len(texts)} texts are longer than 56 tokens and are cut off there"
    assert facts["train_rows"] == 80
    further = facts["further"]["mismatched"]
    assert (further["rows"], further["baseline"]) == (20, task.baseline_of(rows.select(range(20))))
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    for part, score in ((rows, facts["score"]), (rows.select(range(20)), further["score"])):
        assert task.score(predict(network, TaskRows(part, tokenizer, 56)), part).value == pytest.approx(score, abs=1e-4)


def test_a_model_without_its_tokenizer_is_refused(model: str, data: Path, tmp_path: Path) -> None:
    """transformers makes a tokenizer that knows no words, by which every text is the same."""
    AutoBertZeroForMaskedLM.from_pretrained(model).save_pretrained(tmp_path)
    with pytest.raises(AutoBertZeroError, match=r"no tokenizer is found at .*: its files belong beside the model"):
        FineTuning(str(tmp_path), load_task("long_words", folder=data), FineTuningOptions())


def test_batches_are_of_like_lengths(model: str, data: Path, tmp_path: Path) -> None:
    """Each row once, with less padding; and scores are those of the rows in their order."""
    padding = {}
    for grouped in (False, True):
        tuning = FineTuning(model, load_task("long_words", folder=data), FineTuningOptions(group_by_length=grouped))
        _, trainer = tuning.run(Trial(1e-3, 4, 0.1), 0, tmp_path / "checkpoints")
        batches = [batch["attention_mask"] for batch in trainer.get_train_dataloader()]
        lengths = sorted(length for batch in batches for length in batch.sum(1).tolist())
        assert lengths == sorted(map(len, tuning.encoded.train["input_ids"]))
        padding[grouped] = sum(int((batch == 0).sum()) for batch in batches)
        scored = [length for batch in trainer.get_eval_dataloader() for length in batch["attention_mask"].sum(1)]
        assert scored == [len(ids) for ids in tuning.encoded.scored[0].rows["input_ids"]]
    assert padding[True] < 0.5 * padding[False]


def test_the_usual_learning_rate_falls_with_the_width(model: str, data: Path) -> None:
    assert default_learning_rate(768) == pytest.approx(3e-5)
    assert default_learning_rate(128) == pytest.approx(4.4e-4, rel=0.01)
    tuning = FineTuning(model, load_task("mrpc", folder=data), FineTuningOptions(batch_size=[16, 32, 16]))
    assert tuning.trials == [Trial(default_learning_rate(32), size, 3.0) for size in (16, 32)]
    assert tuning.max_length == 64, "what the model takes"


def test_options_are_checked() -> None:
    for given, reason in (
        ({"epochs": []}, "epochs needs a value"),
        ({"batch_size": [16, 0]}, "batch_size must be at least 1"),
        ({"learning_rate": ["x"]}, "learning_rate must be a list of numbers"),
        ({"patience": 0}, "patience must be at least 1"),
    ):
        with pytest.raises(AutoBertZeroError, match=reason):
            FineTuningOptions(**given)
