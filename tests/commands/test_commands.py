"""The command line as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, BertConfig, BertModel, BertTokenizer, GPT2Config

import autobert_zero_hf
from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, architecture
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from autobert_zero_hf.model.architectures import BERT_ATTENTION
from autobert_zero_hf.rendering import draw_backbone, to_latex, to_svg

from ..task_folders import write_demo_tasks, write_task


@pytest.fixture(scope="module")
def model_folder(
    tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = AutoBertZeroConfig(**{**tiny_settings, "classifier_pooling": "mean"})
    AutoBertZeroForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_show_counts_what_the_model_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "bert", "--tokens", "128"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "12 layers, hidden size 768, 12 heads of 64" in lines[0]
    bert = BertModel(BertConfig(), add_pooling_layer=True)
    assert f"{bert.num_parameters():,} parameters" in lines[0]
    number, parameters, operations, plan, formula = lines[4].split(maxsplit=4)
    assert (number, plan, formula) == ("1", "flash", "matmul(softmax(scale(matmul(q, transpose(k)))), v)")
    assert int(parameters.replace(",", "")) == sum(p.numel() for p in bert.encoder.layer[0].parameters())
    # Four linears of 768 x 768, two of 768 x 3072; for each of 12 heads two products of 128 x 64, and a scale and a
    # softmax of 128 scores.
    assert int(operations.replace(",", "")) == 4 * 768**2 + 2 * 768 * 3072 + 12 * (2 * 128 * 64 + 2 * 128)


def test_show_of_a_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attention = "matmul(softmax(scale(matmul(q, transpose(k)))), v)"
    assert main(["show", attention, "--json", "--picture", str(tmp_path / "drawn.svg")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["inputs"] == ["q", "k", "v"] and facts["layers"][0]["plan"] == "flash"
    assert facts["operations"][1] == {"formula": "matmul(q, transpose(k))", "axes": "(tokens, tokens)"}
    assert (tmp_path / "drawn.svg").read_text() == to_svg(draw_backbone([attention]))
    assert main(["show", "conv( 9 )"]) == 0
    first, plan, cost = capsys.readouterr().out.splitlines()
    assert (first, plan.split()) == ("conv(9)", ["runs", "as", "convolution"]) and "6,497,388 parameters" in cost
    assert main(["show", "matmul(q, k)"]) == 1
    assert "need the same axis" in capsys.readouterr().err


def test_show_gives_json_latex_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "autobert-zero", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [layer["formula"] for layer in facts["layers"]] == architecture("autobert-zero")
    assert facts["layers"][0]["plan"] == "convolution"
    in_layers, pooler = sum(layer["parameters"] for layer in facts["layers"]), 768 * 768 + 768
    assert facts["parameters"] - facts["embedding_parameters"] == in_layers + pooler
    assert main(["show", "bert", "--latex", "--picture", str(tmp_path / "bert.png")]) == 0
    assert capsys.readouterr().out.splitlines() == [to_latex(BERT_ATTENTION)] * 12
    assert (tmp_path / "bert.png").read_bytes().startswith(b"\x89PNG")
    assert main(["show", "bert", "--picture", str(tmp_path / "bert.svg")]) == 0
    assert (tmp_path / "bert.svg").read_text() == to_svg(draw_backbone(architecture("bert")))


def test_show_measures_latency(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["show", str(model_folder), "--latency", "--latency-passes", "3"]
    assert main(words) == 0
    assert "\na text of " in (said := capsys.readouterr().out) and "float32, torch " in said
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["latency"]
    assert found["median"] > 0 and found["hardware"]["threads"] == 1


def test_show_says_which_layers_have_something_of_rotary_positions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = ["conv(3)", BERT_ATTENTION, "matmul(softmax(matmul(q, transpose(v))), v)"]
    for positions, layer, said in (("rotary", 3, "in 2."), ("rotary", 1, "in none."), ("learned", 3, "")):
        AutoBertZeroConfig(layers=layers[:layer], positions=positions).save_pretrained(tmp_path)
        assert main(["show", str(tmp_path)]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        wanted = f"Rotary positions turn q and k in layers that compare them, here {said}"
        assert last == wanted if said else last.startswith("  all")


def test_show_reads_a_folder(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(model_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].endswith("  convolution  conv(3)")
    assert lines[5].endswith("  matmul(softmax(scale(matmul(q, transpose(k)))), v)")


def test_fine_tuning_beats_the_majority_class(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--epochs", "2", "--max-length", "32", "--learning-rate", "0.005", "--train-rows", "700"]
    task = ["finetune", "--model", str(model_folder), "--task", "bbc_topics", "--output-dir", str(tmp_path)]
    assert main([*task, *words]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    printed = capsys.readouterr().out
    assert f"accuracy {result['accuracy']:.4f} ± {result['standard_error']:.4f}" in printed
    assert f"the majority class gives {result['majority']:.4f}" in printed
    assert result["rows"] == 213
    assert result["majority"] < 0.3 < result["accuracy"] - 2 * result["standard_error"]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert model.config.id2label[4] == "tech"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    news = load_demo()
    return write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news.select(range(0, len(news), 2)))


def test_fine_tuning_on_a_regression_of_a_folder(
    model_folder: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--task", "long_words", "--data", str(tasks), "--output-dir", str(tmp_path)]
    words += ["--epochs", "2", "--learning-rate", "0.005", "--max-length", "48"]
    assert main(["finetune", "--model", str(model_folder), *words]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert (
        f"long_words: pearson {result['pearson']:.4f}, spearman {result['spearman']:.4f}, mean {result['score']:.4f} ± "
        f"{result['standard_error']:.4f} (standard error) on 213 held-out rows; the mean of the training rows gives "
        "0.0000"
    ) in capsys.readouterr().out
    assert result["score"] == pytest.approx((result["pearson"] + result["spearman"]) / 2)
    assert result["score"] > 3 * result["standard_error"] > 0
    assert (result["baseline"], result["rows"], "majority" in result) == (0, 213, False)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert (model.config.problem_type, model.config.num_labels) == ("regression", 1)


def test_fine_tuning_on_pairs_replaces_a_classifier_of_another_size(
    model_folder: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(tasks), "--max-length", "32", "--epochs", "0.1"]
    first, second = tmp_path / "topics", tmp_path / "mrpc"
    of_topics = ["finetune", "--model", str(model_folder), "--task", "topics", *words, "--output-dir"]
    assert main([*of_topics, str(first)]) == 0
    assert main(["finetune", "--model", str(first), "--task", "mrpc", *words, "--output-dir", str(second)]) == 0
    result = json.loads((second / "result.json").read_text())
    assert result["score"] == pytest.approx((result["accuracy"] + result["f1"]) / 2)
    assert f"f1 {result['f1']:.4f}, mean {result['score']:.4f} ± " in capsys.readouterr().out
    # The majority is "not_equivalent": two of three right, and no F1.
    assert (result["majority"], result["baseline"]) == pytest.approx((2 / 3, 1 / 3), abs=0.01)
    model = AutoModelForSequenceClassification.from_pretrained(second)
    assert (model.config.problem_type, model.config.id2label[1]) == ("single_label_classification", "equivalent")
    # The seed gives the classifier's weights, whatever random numbers were drawn before.
    torch.manual_seed(99)
    assert main([*of_topics, str(tmp_path / "again")]) == 0
    one, two = (AutoModelForSequenceClassification.from_pretrained(path) for path in (first, tmp_path / "again"))
    assert torch.equal(one.classifier.weight, two.classifier.weight)


def bad_inputs(folder: Path, model_folder: Path) -> dict[str, tuple[list[str], str]]:
    (folder / "recipe.yaml").write_text("supernet_stepz: 3\n")
    (folder / "file").write_text("text")
    BertConfig().save_pretrained(folder / "bert-config")
    GPT2Config().save_pretrained(folder / "gpt2-config")
    write_demo_tasks(folder / "demo", load_demo().select(range(0, 2125, 20)))
    stars = [{"sentence": "Good.", "label": 4}, {"sentence": "Bad.", "label": 0}]
    write_task(folder / "tasks" / "stars", {"names": [], "range": [1, 5]}, stars[:1], stars)
    out = ["--output-dir", str(folder / "out")]
    model = ["--model", str(model_folder), "--task", "bbc_topics"]
    return {
        "unknown recipe key": (["search", *out, "--recipe", str(folder / "recipe.yaml")], "'supernet_steps'"),
        "unknown recipe": (["search", *out, "--recipe", "quick"], "give one of joint, quickstart, shrink"),
        "out of range": (
            ["search", *out, "--candidates", "0"],
            "candidates must be at least 1 and below 1,000,000, not 0",
        ),
        "heads": (["search", *out, "--num-attention-heads", "3"], "not a multiple"),
        "missing text": (["search", *out, "--text", str(folder / "none.txt")], "no such file"),
        "too little text": (["search", *out, "--text", str(folder / "file")], "1 documents with text"),
        "no data set": (["search", *out, "--dataset", str(folder / "nothing")], "cannot load the data set"),
        "output is a file": (["search", "--output-dir", str(folder / "file")], "file"),
        "no model": (["finetune", "--model", str(folder / "no"), *model[2:], *out], "no': there is no such folder"),
        "own folder": (["finetune", *model, "--output-dir", str(model_folder)], "own folder"),
        "another model there": (["finetune", *model, "--output-dir", str(folder / "bert-config")], "would be lost"),
        "diverged": (
            ["finetune", *model, *out, "--learning-rate", "1e30", "--train-rows", "96", "--max-length", "16"],
            "diverged",
        ),
        "diverged regression": (
            [
                *("finetune", *model[:3], "long_words", "--data", str(folder / "demo"), *out),
                *("--learning-rate", "1e30", "--epochs", "1", "--max-length", "32"),
            ],
            "diverged",
        ),
        "seed": (["search", *out, "--seed", "99999999999999999999"], "seed must be at least 0 and below"),
        "kernel": (["search", *out, "--kernel-sizes", "3", "2001"], "odd numbers from 1 to 1023"),
        "too long": (["finetune", *model, *out, "--max-length", "65"], "takes 64 tokens at most"),
        "unknown task": (["finetune", *model[:3], "imdb", *out], "squad_v2, and those of a folder (--data"),
        "unknown task of a folder": (
            ["finetune", *model, *out, "--data", str(folder / "tasks")],
            f"unknown task 'bbc_topics': in {folder / 'tasks'} there is stars",
        ),
        "label": (
            ["finetune", *model[:3], "stars", *out, "--data", str(folder / "tasks")],
            "validation.jsonl, line 2: label 0 is not a number from 1 to 5",
        ),
        "no epochs": (["finetune", *model, *out, "--epochs", "0"], "epochs must be at least"),
        "no backbone": (["show", str(folder / "nothing")], "no model is found there: there is no such folder; "),
        "no checkpoint": (
            ["convert", str(folder / "no"), "--output-dir", str(folder / "new")],
            "no: there is no such folder",
        ),
        "another model": (["show", str(folder / "gpt2-config")], "is a gpt2 model, not autobert_zero"),
        "another picture": (["show", "bert", "--picture", str(folder / "bert.gif")], "must end in .svg or .png"),
        "no tokens": (["show", "bert", "--tokens", "0"], "--tokens must be at least 1"),
        "no table": (["show", "bert", "--latency", "--latex"], "--latency is said below the table"),
        "not timed": (["show", "bert", "--latency-tokens", "64"], "--latency-tokens goes with --latency, which is not"),
    }


def test_bad_input_is_one_clear_line(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, (words, reason) in bad_inputs(tmp_path, model_folder).items():
        assert main(words) == 1, name
        said = capsys.readouterr().err
        assert reason in said, (name, said)
        assert said.startswith("error: ") or ("diverged" in name and "\nerror: " in said), (name, said)
        assert "Traceback" not in said, (name, said)
        if name not in ("diverged", "diverged regression"):  # the libraries speak, too
            assert said.count("\n") == 1, (name, said)


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "autobert_zero_hf", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{autobert_zero_hf.__version__}\n")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    show = f"{sys.executable} -m autobert_zero_hf show autobert-zero | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", show], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 layers" in done.stdout


def test_a_data_set_column_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Dataset.from_dict({"a": ["x"] * 12, "b": ["y"] * 12}).to_parquet(tmp_path / "train.parquet")
    assert main(["search", "--output-dir", str(tmp_path / "out"), "--dataset", str(tmp_path)]) == 1
    assert "its text columns are ['a', 'b']" in capsys.readouterr().err
