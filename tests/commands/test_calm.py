"""What trainings say on stderr: a few calm lines in a file, a view in a terminal, and nothing that a library draws."""

import logging
import re
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
import transformers
from huggingface_hub import utils as hub
from transformers import BertConfig, BertModel, BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.calm import calm
from autobert_zero_hf.commands.main import main
from autobert_zero_hf.data.corpus import load_demo
from tests.task_folders import write_demo_tasks
from tests.terminal import Piped, Terminal

SCORE = r"accuracy 0\.\d{4} ± (0\.\d{4}|unknown)"


@pytest.fixture(scope="module")
def models(tiny_settings: dict[str, Any], tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of ours, with a head of another kind, and a BERT without any: both begin a classifier anew."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    AutoBertZeroForMaskedLM(AutoBertZeroConfig(**tiny_settings)).save_pretrained(folder / "ours")
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64}
    BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)).save_pretrained(folder / "bert")
    for name in ("ours", "bert"):
        tokenizer.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    news = load_demo()
    folder = write_demo_tasks(tmp_path_factory.mktemp("tasks") / "demo", news.select(range(0, len(news), 20)))
    return ["--data", str(folder), "--max-length", "16"]


def fits(said: str, *lines: str) -> bool:
    """Whether these lines, and no others, were said."""
    return re.fullmatch("".join(f"{line}\n" for line in lines), said) is not None


@pytest.mark.parametrize("name", ["ours", "bert"])
def test_a_fine_tuning_says_what_it_does_a_line_an_epoch_and_what_came(
    name: str, models: Path, task: list[str], tmp_path: Path
) -> None:
    words = ["finetune", "--model", models / name, "--task", "topics", *task, "--train-rows", "40", "--epochs", "2"]
    status, out, err = Piped([*words, "--output-dir", tmp_path / "out"]).end()
    assert (status, out.count("\n")) == (0, 2), err
    assert fits(
        err,
        r"WARNING: topics: \d+ of \d+ texts are longer than 16 tokens and are cut off there",
        rf"{models / name} on topics: 40 rows to train on, \d+ held out; 2 epochs, batches of 16, learning rate 0.0035",
        rf"  epoch 1 of 2: {SCORE}",
        rf"  epoch 2 of 2: {SCORE}",
        rf"Fine-tuning: 6 steps, best {SCORE}, \d:\d\d",
    ), err


def test_several_choices_are_phases_of_one_run(models: Path, task: list[str], tmp_path: Path) -> None:
    words = ["finetune", "--model", models / "ours", "--task", "topics", *task, "--train-rows", "20", "--epochs", "1"]
    status, _, err = Piped([*words, "--learning-rate", "1e-4", "1e-3", "--output-dir", tmp_path / "out"]).end()
    assert status == 0, err
    for rate in ("0.0001", "0.001"):
        assert re.search(
            rf"^Learning rate {rate}, batch 16, 1 epochs: 2 steps, best {SCORE}, 0:0\d$", err, re.MULTILINE
        )
    assert "; 2 choices of hyper-parameters\n" in err


def test_an_evaluation_says_a_line_a_fine_tuning(models: Path, task: list[str], tmp_path: Path) -> None:
    words = ["evaluate", "--models", models / "ours", models / "bert", "--tasks", "topics", *task]
    words += ["--train-rows", "20", "--epochs", "1", "--seeds", "1", "--output-dir", tmp_path / "out"]
    status, _, err = Piped(words).end()
    assert status == 0, err
    lines = [line for line in err.splitlines() if not line.startswith("Evaluation: 1/2")]  # which waits for 5 seconds
    assert fits(
        "".join(f"{line}\n" for line in lines),
        rf"Models: {models / 'ours'}, {models / 'bert'}; tasks: topics; seeds: 1; 2 fine-tunings",
        r"WARNING: topics: \d+ of \d+ texts are longer than 16 tokens and are cut off there",
        rf"1/2  {models / 'ours'}, seed 0, learning rate 0.0035, batch 16, 1 epochs: topics {SCORE[9:]}",
        rf"2/2  {models / 'bert'}, seed 0, learning rate 0.0035, batch 16, 1 epochs: topics {SCORE[9:]}",
        r"Evaluation: 2 fine-tunings, \d:\d\d",
    ), err
    status, _, err = Piped(words).end()
    assert (status, err.count("\n")) == (0, 1)
    assert err.endswith("; 2 fine-tunings, 2 of them there already\n")


def test_a_terminal_shows_the_steps_and_nothing_that_a_library_draws(
    models: Path, task: list[str], tmp_path: Path
) -> None:
    words = ["finetune", "--model", models / "bert", "--task", "topics", *task, "--epochs", "60"]
    terminal = Terminal([*words, "--output-dir", tmp_path / "out"], columns=120)
    shown = terminal.wait_until(lambda shown: re.search(r"^done +\d+ of \d+, accuracy", shown, re.MULTILINE))
    assert re.search(r"^ phase Fine-tuning, \d:\d\d so far|^phase +Fine-tuning, \d:\d\d so far", shown, re.MULTILINE)
    assert re.search(r"^left +(about \d:\d\d|not known yet)$", shown, re.MULTILINE)
    terminal.interrupt()
    status, shown = terminal.end()
    assert (status, "LOAD REPORT" in shown, "it/s" in shown, "'loss'" in shown) == (130, False, False, False)


def test_a_pre_training_says_its_phases(models: Path, documents: datasets.Dataset, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n\n".join(documents["text"][:60]))
    words = ["pretrain", "--model", models / "ours", "--text", tmp_path / "text.txt", "--max-steps", "3"]
    status, _, err = Piped([*words, "--sequence-length", "16", "--output-dir", tmp_path / "out"]).end()
    assert status == 0
    assert fits(
        err,
        r"Text: [\d,]+ rows to train on, [\d,]+ held-out rows of 16 tokens; a vocabulary of 1,000 entries; .*, \d:\d\d",
        r"Pre-training: 3 steps, \d:\d\d",
        r"Score: [\d,]+ held-out rows, \d:\d\d",
    ), err


def settings() -> tuple[object, ...]:
    """What `calm` changes."""
    library = transformers.utils.logging
    return (
        library.get_verbosity(), library.is_progress_bar_enabled(), hub.are_progress_bars_disabled(),
        datasets.are_progress_bars_disabled(),
    )  # fmt: skip


def test_libraries_are_as_they_were_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_DISABLE_PROGRESS_BARS", None)
    library = transformers.utils.logging
    before = library.get_verbosity()
    try:
        library.set_verbosity_info()
        for change in (library.enable_progress_bar, library.disable_progress_bar):  # the second as in other tests
            change()
            known = settings()
            with pytest.raises(KeyError), calm():
                assert settings() == (logging.ERROR, False, True, True)
                raise KeyError
            assert settings() == known
    finally:
        library.set_verbosity(before)
        library.disable_progress_bar()


def test_a_command_changes_nothing_for_whoever_calls_it(tmp_path: Path) -> None:
    known = settings()
    assert main(["convert", str(tmp_path / "nothing"), "--output-dir", str(tmp_path / "out")]) == 1
    assert settings() == known
