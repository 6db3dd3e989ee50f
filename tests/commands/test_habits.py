"""What scripts and shells rely on: streams, JSON, statuses, completion. All in processes of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.commands.completion import PATHS, SHELLS
from autobert_zero_hf.commands.exit_status import Status
from autobert_zero_hf.commands.main import make_parser
from autobert_zero_hf.data.corpus import load_demo
from tests.search import small_search
from tests.search.small_search import OPTIONS, candidates_in, journal
from tests.task_folders import write_demo_tasks
from tests.terminal import Piped


@pytest.fixture(scope="module")
def model(tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    AutoBertZeroForMaskedLM(AutoBertZeroConfig(**tiny_settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "news.txt"
    file.write_text("\n\n".join(documents["text"][:120]))
    return file


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    news = load_demo()
    return write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news.select(range(0, len(news), 20)))


def result_of(*words: Any) -> tuple[dict[str, Any], str]:
    """The one document on stdout, and stderr."""
    status, out, err = Piped([*words, "--json"]).end()
    assert status == 0, err
    return json.loads(out), err


def test_show_gives_json(model: Path, tmp_path: Path) -> None:
    shown, _ = result_of("show", model)
    assert shown["layers"][0]["formula"] == "conv(3)"
    assert shown["parameters"] == sum(layer["parameters"] for layer in shown["layers"]) + (
        shown["embedding_parameters"] + 32 * 32 + 32
    )
    status, out, _ = Piped(["show", model]).end()
    assert status == 0
    assert f"{shown['parameters']:,} parameters" in out
    refused = Piped(["show", tmp_path / "none", "--json"]).end()
    assert refused[:2] == (1, "")
    assert "there is no such folder" in refused[2]


def test_training_gives_json_whatever_the_libraries_print(model: Path, tasks: Path, text: Path, tmp_path: Path) -> None:
    task = ["--data", tasks, "--max-length", "16", "--epochs", "1"]
    tuned, said = result_of("finetune", "--model", model, "--task", "topics", *task, "--output-dir", tmp_path / "tuned")
    assert tuned == {**json.loads((tmp_path / "tuned" / "result.json").read_text()), "written": str(tmp_path / "tuned")}
    assert "  epoch 1 of 1: accuracy " in said

    words = ["evaluate", "--models", model, "--tasks", "topics", *task, "--seeds", "1", "--train-rows", "16"]
    table, said = result_of(*words, "--output-dir", tmp_path / "table")
    assert table == {
        **json.loads((tmp_path / "table" / "evaluation.json").read_text()),
        "written": str(tmp_path / "table"),
    }
    assert ", seed 0, " in said

    words = ["pretrain", "--text", text, "--model", model, "--max-steps", "2", "--sequence-length", "16"]
    trained, said = result_of(*words, "--output-dir", tmp_path / "trained")
    assert trained["written"] == str(tmp_path / "trained")
    assert trained["accuracy"] == json.loads((tmp_path / "trained" / "pretraining.json").read_text())["accuracy"]


def test_quiet_leaves_the_result_and_errors(model: Path, tasks: Path, tmp_path: Path) -> None:
    words = ["finetune", "--model", model, "--data", tasks, "--max-length", "16", "--epochs", "1", "--quiet"]
    status, out, err = Piped([*words, "--task", "topics", "--output-dir", tmp_path]).end()
    assert (status, err) == (0, "")
    assert re.fullmatch(r"topics: accuracy [^\n]*\nWritten: [^\n]*\n", out)
    status, out, err = Piped([*words, "--task", "nothing", "--output-dir", tmp_path]).end()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: unknown task 'nothing'")


def test_a_traceback_is_for_those_who_debug(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"event": "start", "version": 2, "elapsed": 0.0, "recipe": {}}\n')
    (tmp_path / "front.json").write_text('{"members": []}')
    foreseen = ["show", tmp_path]
    unforeseen = ["report", tmp_path]
    for words, debugged in ((foreseen, ["--debug", *foreseen]), (unforeseen, [*unforeseen, "--debug"])):
        status, out, err = Piped(words).end()
        assert (status, out) == (1, "")
        assert err.startswith("error: ")
        assert "Traceback" not in err
        status, _, err = Piped(debugged).end()
        assert status == 1
        assert "Traceback (most recent call last)" in err


def test_how_a_search_ends(text: Path, tmp_path: Path) -> None:
    """By Ctrl-C, by SIGTERM and by a reader that went away; each time it goes on."""
    folder = tmp_path / "run"
    options = {**OPTIONS, "candidates": 400, "patience": 400, "supernet-steps": 3, "max-parameters": 60_000}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    words = ["search", "--output-dir", folder, "--text", text, *given]
    goes_on = ": the same command goes on where it stopped\n"
    for which, status, said in (
        (signal.SIGINT, Status.INTERRUPTED, f"interrupted{goes_on}"),
        (signal.SIGTERM, Status.TERMINATED, f"ended by SIGTERM{goes_on}"),
        (None, Status.UNREAD, None),
    ):
        before = candidates_in(folder)
        search = Piped(words)
        while candidates_in(folder) == before:
            assert search.process.is_alive(), search.end()
            time.sleep(0.005)
        if which is None:
            os.close(search.err)
            search.process.join()
            assert search.process.exitcode == status
        else:
            os.kill(search.process.pid, which)
            ended, out, err = search.end()
            assert (ended, out) == (status, "")
            assert err.endswith(said)
            assert "Traceback" not in err
            assert ("Resuming the search" in err) == (before > 0)
        assert sum(event["event"] == "candidate" for event in journal(folder)) == candidates_in(folder) > before


def test_two_processes_give_one_document(text: Path, tmp_path: Path) -> None:
    given = small_search.words(text, tmp_path / "two", candidates=7, supernet_steps=2, final_steps=2)
    status, out, err = Piped([*given, "--json"], processes=2).end()
    assert status == 0, err
    assert json.loads(out)["candidates"] == 7
    assert len(re.findall(r"^Candidates: 7 evaluated, ", err, re.MULTILINE)) == 1


def test_the_help_tells_every_status_and_the_completion() -> None:
    text = make_parser().format_help()
    for status in Status:
        assert f"  {status.value:<4} {status.meaning}" in text
    assert (Status.FAILED, Status.USAGE, Status.INTERRUPTED, Status.UNREAD, Status.TERMINATED) == (1, 2, 130, 141, 143)
    for shell in SHELLS:
        assert f"--print-completion {shell} > " in text


def completed_by_bash(script: str, *words: str) -> set[str]:
    line = " ".join(f"'{word}'" for word in words)
    ask = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n_shtab_autobert_zero\n"
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "--norc", "-c", ask], text=True, capture_output=True)
    return set(done.stdout.split())


def test_shells_complete_commands_options_choices_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, script, err = Piped(["--print-completion", "bash"]).end()
    assert (status, err) == (0, "")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert completed_by_bash(script, "autobert-zero", "s") == {"search", "show", "shrink"}
    assert completed_by_bash(script, "autobert-zero", "search", "--strat") == {"--strategy"}
    found = completed_by_bash(script, "autobert-zero", "search", "--strategy", "")
    assert {"op-nas", "random", "evolution"} <= found
    assert "file.txt" in completed_by_bash(script, "autobert-zero", "search", "--text", "f")
    assert {each.rstrip("/") for each in completed_by_bash(script, "autobert-zero", "report", "f")} == {"folder"}
    for shell, check in (("zsh", ["zsh", "-f", "-n"]), ("fish", ["fish", "--no-config", "-n"])):
        if shutil.which(shell):
            (tmp_path / shell).write_text(Piped(["--print-completion", shell]).end()[1])
            subprocess.run([*check, str(tmp_path / shell)], check=True)


def test_every_path_is_known_as_one() -> None:
    commands = next(action.choices for action in make_parser()._actions if action.dest == "command")
    actions = [action for parser in commands.values() for action in parser._actions]
    assert set(PATHS) <= {action.dest for action in actions}
    # What the help calls a folder or a file is completed as one.
    for action in actions:
        if re.search(r"folder|file\b", (action.help or "").split(";")[0]) and action.nargs != 0 and not action.choices:
            assert hasattr(action, "complete"), action.dest
