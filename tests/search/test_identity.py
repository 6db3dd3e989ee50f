"""A search is known again by what its options lead to, however that is spelled and wherever it was moved to."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.run.search_run import search
from autobert_zero_hf.search.runtime.journal import JournalError
from datasets import Dataset
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model_folder import find_model
from tests.search.small_search import SMALLEST, journal, rewrite
from tests.task_folders import write_task

OPTIONS = {**SMALLEST, "proxy": "tasks", "tasks": ["days"], "task_steps": 1}


def recipe(**options: Any) -> Recipe:
    return Recipe.from_dict({**OPTIONS, **options})


@pytest.fixture(scope="module")
def whole(documents: Dataset, tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, tasks, a teacher, and a finished search on them, begun by relative paths."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "en.txt").write_text("\n\n".join(documents["text"][:40]))
    rows = [{"sentence": sentence, "label": place % 2} for place, sentence in enumerate(["on monday", "the man"] * 2)]
    write_task(folder / "tasks" / "days", {"names": ["no", "yes"]}, rows, rows)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder / "teacher")
    tokenizer.save_pretrained(folder / "teacher")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        search(recipe(text=["en.txt"], task_data="tasks", teacher="teacher"), "run")
    return folder


@pytest.fixture
def work(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as if all had been moved; the old one is out of reach. The search is not finished."""
    folder = tmp_path / "moved"
    shutil.copytree(whole, folder)
    journal = folder / "run" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "finished"
    journal.write_text("".join(lines[:-1]))
    monkeypatch.chdir(tmp_path)
    return folder


def events(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]


def test_other_spellings_and_a_move_are_the_same_search(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = events(work)
    search(recipe(text=[str(work / "en.txt")], task_data=str(work / "tasks"), teacher=str(work / "teacher")),
           work / "run")  # fmt: skip
    assert events(work) == [*before, "finished"]
    # Once it is finished no text is read, and the same holds.
    (work / "other.txt").write_bytes((work / "en.txt").read_bytes())
    monkeypatch.chdir(work)
    search(recipe(text=["./other.txt"], task_data="../moved/tasks", teacher="./teacher/"), "run")
    assert events(work) == [*before, "finished"]


def test_other_contents_are_named(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    (work / "more.txt").write_text((work / "en.txt").read_text() + "\n\nOne more.\n")
    with pytest.raises(JournalError, match=r"another recipe \(text: \['en.txt'\] there, \['more.txt'\] here\): use"):
        search(recipe(text=["more.txt"], task_data="tasks", teacher="teacher"), "run")
    config = work / "teacher" / "config.json"
    config.write_text(config.read_text().replace("0.02", "0.03"))
    with pytest.raises(JournalError, match=r"another recipe \(teacher: what 'teacher' holds has changed\): use"):
        search(recipe(text=["./en.txt"], task_data="tasks", teacher="teacher"), "run")


def test_an_older_journal_goes_by_the_paths(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = journal(work / "run")
    del written[0]["contents"]
    rewrite(work / "run", written)
    (work / "copy").symlink_to(work / "teacher")
    monkeypatch.chdir(work)
    search(recipe(text=[str(work / "en.txt")], task_data="./tasks", teacher="copy"), "run")
    (work / "other.txt").write_bytes((work / "en.txt").read_bytes())
    with pytest.raises(JournalError, match=r"text: \['en.txt'\] there, \['other.txt'\] here"):
        search(recipe(text=["other.txt"], task_data="tasks", teacher="teacher"), "run")


def test_the_recipe_of_a_run_is_one_to_search_by(work: Path) -> None:
    options = load_options(str(work / "run" / "recipe.yaml"))
    assert options["text"] == [str(work / "en.txt")] and options["teacher"] == str(work / "teacher")
    search(Recipe.from_dict(options), work / "run")
    assert events(work)[-1] == "finished"
    assert yaml.safe_load((work / "run" / "recipe.yaml").read_text())["text"] == ["../en.txt"]


def test_relative_paths_of_a_recipe_mean_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "models").mkdir(parents=True)
    (tmp_path / "a.txt").write_text("of the current folder")
    options = {"text": ["a.txt", "../b.txt", "/c.txt"], "task_data": "tasks", "teacher": "models"}
    options |= {"supernet_from": "google-bert/bert-base-uncased"}
    (tmp_path / "mine" / "my.yaml").write_text(yaml.safe_dump(options))
    monkeypatch.chdir(tmp_path)
    found = load_options("mine/my.yaml")
    assert found == {
        "text": ["mine/a.txt", "b.txt", "/c.txt"],
        "task_data": "mine/tasks",
        "teacher": "mine/models",
        "supernet_from": "google-bert/bert-base-uncased",
    }
    # Through a link, `..` is the folder above what it leads to.
    (tmp_path / "far" / "runs").mkdir(parents=True)
    (tmp_path / "far" / "b.txt").touch()
    (tmp_path / "far" / "runs" / "my.yaml").write_text("text: [../b.txt]\n")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "runs")
    assert Path(load_options("link/my.yaml")["text"][0]).samefile(tmp_path / "far" / "b.txt")


def test_where_a_model_is_wanted_a_run_is_its_best(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = work / "run"
    said = f"{run} is the folder of a search: its best/ is taken\n"
    assert find_model(str(run)) == str(run / "best")
    assert capsys.readouterr().err == said
    assert find_model(str(run / "best")) == str(run / "best")
    assert find_model("google-bert/bert-base-uncased") == "google-bert/bert-base-uncased"
    assert main(["show", str(run)]) == 0
    assert capsys.readouterr().err == said
    assert main(["convert", str(run), "--output-dir", str(tmp_path / "out")]) == 1
    assert "best is a model of this package already" in capsys.readouterr().err
    words = ["--data", str(work / "tasks"), "--output-dir", str(tmp_path / "tuned"), "--epochs", "1"]
    assert main(["finetune", "--model", str(run), "--task", "days", *words]) == 0
    assert said in capsys.readouterr().err
    assert json.loads((tmp_path / "tuned" / "result.json").read_text())["model"] == str(run / "best")
    assert main(["finetune", "--model", str(run), "--task", "days", *words[:3], str(run)]) == 1
    assert "--output-dir is the model's own folder" in capsys.readouterr().err


def test_a_run_without_a_model_says_so(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AutoBertZeroError, match=r"holds runs, and is no model: did you mean .*run/best\?"):
        find_model(str(work))
    shutil.rmtree(work / "run" / "best")
    out, task = ["--output-dir", str(tmp_path / "out")], ["--data", str(work / "tasks")]
    for words in (
        ["show"],
        ["convert", *out],
        ["finetune", "--task", "days", *task, *out, "--model"],
        ["evaluate", "--tasks", "days", *task, *out, "--models"],
        *(["pretrain", *out, f"--{name}"]
          for name in ("model", "architecture", "teacher", "tokenizer")),
        *(["search", *out, "--search-sizes", "heads", *more]
          for more in (["--supernet-from"], ["--speedup", "2", "--speedup-over"])),
        ["shrink", "--method", "super-net", *out, "--latency-ms", "1", "--architecture"],
        ["shrink", "--method", "super-net", *out, "--speedup", "2", "--speedup-over"],
        ["shrink", "--speedup", "2", *out],
    ):  # fmt: skip
        assert main([*words, str(work / "run")]) == 1, words
        assert capsys.readouterr().err == (
            f"error: the search in {work / 'run'} is not finished, and there is no model yet: run it to its end first\n"
        ), words
        assert not (tmp_path / "out").exists(), words
