"""Trainings from Python: the same as the commands, with an object for what came of it."""

import inspect
import json
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, BertConfig, BertForMaskedLM, PreTrainedTokenizerBase

from autobert_zero_hf import convert, evaluate, finetune, pretrain
from autobert_zero_hf.api.keywords import OptionError
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import option_names
from autobert_zero_hf.training.finetuning.options import EVALUATION, FINE_TUNING
from autobert_zero_hf.training.pretraining.options import OPTION_NAMES
from tests.task_folders import write_demo_tasks


@pytest.fixture(scope="module")
def bert(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_tasks(tmp_path_factory.mktemp("api") / "tasks", load_demo().select(range(0, 2000, 8)))


def test_a_fine_tuning_is_that_of_the_command(
    bert: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = finetune(bert, "topics", tmp_path / "one", data=tasks, epochs=1, train_rows=40, max_length=16)
    words = ["--epochs", "1", "--train-rows", "40", "--max-length", "16", "--data", str(tasks), "--json"]
    folder = tmp_path / "two"
    capsys.readouterr()
    assert main(["finetune", "--model", str(bert), "--task", "topics", "--output-dir", str(folder), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    changing = {"seconds", "written"}
    assert {k: v for k, v in told.items() if k not in changing} == {
        k: v for k, v in result.items() if k not in changing
    }
    assert result.score == told["score"] and 0 <= result.baseline < 1 and (result.standard_error or 1) > 0
    assert AutoModelForSequenceClassification.from_pretrained(result.folder).config.num_labels == 5


def test_an_evaluation_is_a_table(bert: Path, tasks: Path, tmp_path: Path) -> None:
    given = {"data": tasks, "epochs": 1, "train_rows": 40, "max_length": 16, "seeds": 2}
    result = evaluate(bert, "topics", tmp_path / "grid", **given)
    (row,) = result.table.to_dict("records")
    assert row["model"] == str(bert) and row["task"] == "topics" and len(row["scores"]) == 2
    assert result["cells_done"] == 2 and "<svg" in result._repr_html_() and "| topics |" in str(result)
    assert evaluate([bert], ["topics"], tmp_path / "grid", **given).facts == result.facts


def test_a_pre_training_and_a_conversion_leave_a_folder(bert: Path, documents: Dataset, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(documents["text"][:40]), encoding="utf-8")
    converted = convert(bert, tmp_path / "converted", trim_vocabulary=[text])
    assert converted["words_left_out"] > 0 and (converted.folder / "config.json").is_file()
    result = pretrain(tmp_path / "more", model=converted, text=text, max_steps=2, sequence_length=16, batch_size=4)
    assert result["steps"] == 2 and (result.folder / "model.safetensors").is_file()
    with pytest.raises(AutoBertZeroError, match="give another --output-dir"):
        convert(bert, converted.folder)


def test_what_is_no_option_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the nearest known one is 'epochs'"):
        finetune("nowhere", "nothing", tmp_path / "none", epoch=1)
    with pytest.raises(OptionError, match="seeds must be at least 1"):
        evaluate("nowhere", "nothing", tmp_path / "none", seeds=0)
    with pytest.raises(OptionError, match="max_steps must be a whole number or null, not 'few'"):
        pretrain(tmp_path / "none", max_steps="few")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (finetune, option_names(FINE_TUNING)),
        (evaluate, option_names(EVALUATION)),
        (pretrain, OPTION_NAMES),
    ],
)
def test_options_stand_in_signatures(function: object, names: tuple[str, ...]) -> None:
    assert set(names) <= set(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_a_data_set_is_taken_as_an_object(bert: Path, tmp_path: Path) -> None:
    news = load_demo().select(range(0, 2000, 20))
    rows = Dataset.from_dict({"text": news["text"], "label": [f"topic {label}" for label in news["label"]]})
    result = finetune(bert, output_dir=tmp_path / "one", data=rows, epochs=1, max_length=16)
    config = AutoModelForSequenceClassification.from_pretrained(result.folder).config
    assert sorted(config.label2id) == sorted({f"topic {label}" for label in news["label"]})
    assert result["train_rows"] + result["rows"] == 100
