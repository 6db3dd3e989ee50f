"""`autobert-zero pretrain`: killed and resumed, in two processes, and given what it cannot use."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from autobert_zero_hf.commands.exit_status import Status
from autobert_zero_hf.commands.main import main

from ..small_disk import fill, mounted
from ..terminal import Piped, kill_when, run_together

OPTIONS = {
    "vocab-size": 800,
    "sequence-length": 32,
    "num-layers": 2,
    "hidden-size": 32,
    "intermediate-size": 64,
    "batch-size": 8,
    "max-steps": 12,
    "checkpoint-steps": 3,
    "log-steps": 1,
    "evaluation-rows": 40,
    "mixed-precision": "no",
}


@pytest.fixture(scope="module")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "news.txt"
    file.write_text("\n\n".join(documents["text"][:60]))
    return file


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in the processes that are started: sums over another number of threads round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def words(text: Path, folder: Path, **changes: Any) -> list[str]:
    options = {**OPTIONS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    given = [
        word
        for name, value in options.items()
        if value is not None
        for word in (f"--{name}", *([] if value is True else [str(value)]))
    ]
    return ["pretrain", "--output-dir", str(folder), "--text", str(text), *given]


def came_to(folder: Path) -> tuple[list[list[float]], dict[str, torch.Tensor], float]:
    """The losses, the weights, and the loss on held-out rows."""
    facts = json.loads((folder / "pretraining.json").read_text())
    return facts["loss_curve"], load_file(folder / "model.safetensors"), facts["loss"]


def test_killed_and_resumed_it_comes_to_the_same_bit_by_bit(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"dropout": 0.1, "gradient_accumulation": 2, "next_sentence": True, "whole_word_masking": True}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(words(text, whole, **more)) == 0
    # It may be half written.
    kill_when((killed / "checkpoints" / "checkpoint-6").exists, words(text, killed, **more))
    assert not (killed / "pretraining.json").exists()
    # What a checkpoint leaves that was cut short is never read.
    cut = killed / "checkpoints" / "checkpoint-9"
    cut.mkdir(exist_ok=True)
    (cut / "model.safetensors").write_bytes(b"half")
    capsys.readouterr()
    assert main(words(text, killed, **more)) == 0
    assert "Resuming at step " in capsys.readouterr().err
    (curve, weights, loss), (again, resumed, same) = came_to(whole), came_to(killed)
    assert loss == same
    assert all(torch.equal(weight, resumed[name]) for name, weight in weights.items())
    assert weights.keys() == resumed.keys()
    assert again == curve


def test_what_an_older_version_began_goes_on_with_its_vocabulary(documents: Dataset, tmp_path: Path) -> None:
    """That took accents away, whatever the text."""
    accented, folder = tmp_path / "text.txt", tmp_path / "killed"
    accented.write_text("\n\n".join(f"Müller sagt: {each}".replace("e", "é") for each in documents["text"][:60]))
    kill_when((folder / "checkpoints" / "checkpoint-6").exists, words(accented, folder, no_keep_accents=True))
    begun = json.loads((folder / "checkpoints" / "begun.json").read_text())
    del begun["new_vocabulary"], begun["options"]["keep_accents"]
    (folder / "checkpoints" / "begun.json").write_text(json.dumps(begun))
    assert main(words(accented, folder)) == 0
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    assert "é" not in "".join(vocabulary)
    assert main(words(accented, tmp_path / "anew")) == 0
    assert "é" in "".join(json.loads((tmp_path / "anew" / "tokenizer.json").read_text())["model"]["vocab"])


@pytest.fixture(scope="module")
def six_steps(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In one process, without anything in between."""
    folder = tmp_path_factory.mktemp("six") / "steps"
    assert main(words(text, folder, max_steps=6)) == 0
    return folder


def test_two_processes_come_to_what_one_does(text: Path, six_steps: Path, tmp_path: Path) -> None:
    ended, printed = run_together(2, words(text, tmp_path / "two", max_steps=6))
    assert ended == 0, printed
    assert printed.count("Written: ") == 1
    (curve, _, loss), (shared, _, other) = came_to(six_steps), came_to(tmp_path / "two")
    assert json.loads((tmp_path / "two" / "pretraining.json").read_text())["processes"] == 2
    assert [step for step, _ in shared] == list(range(1, 7))
    assert [each for _, each in shared] == pytest.approx([each for _, each in curve], rel=1e-4)
    assert other == pytest.approx(loss, rel=1e-4)


def test_a_stream_in_two_processes_goes_on_when_one_is_killed(
    documents: Dataset, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in one process, and to the same losses as if nothing had happened."""
    data = tmp_path / "data"
    data.mkdir()
    for name, rows in (("train", range(40)), ("validation", range(40, 60))):
        documents.select(rows).to_json(data / f"{name}.jsonl")

    def streamed(folder: Path) -> list[str]:
        given = words(text, folder)
        source = ["--dataset", str(data), "--streaming", "--validation-split", "validation"]
        return [*given[:3], *source, *given[5:]]

    run = Piped(streamed(tmp_path / "two"), processes=2)
    while not (tmp_path / "two" / "checkpoints" / "checkpoint-3" / "whole").exists():
        assert all(process.is_alive() for process in run.processes), run.end()
        time.sleep(0.005)
    main_process, other = run.processes
    other.kill()
    main_process.terminate()  # as a launcher does then
    run.end()
    assert (main_process.exitcode, other.exitcode) == (Status.TERMINATED, -signal.SIGKILL)
    assert main(streamed(tmp_path / "two")) == 0
    assert "Resuming at step " in capsys.readouterr().err
    assert main(streamed(tmp_path / "one")) == 0
    (curve, _, loss), (again, _, same) = came_to(tmp_path / "one"), came_to(tmp_path / "two")
    assert [each for _, each in again] == pytest.approx([each for _, each in curve], rel=1e-4)
    assert same == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("leave", [150_000, 850_000, 1_100_000])
def test_a_full_disk_is_said_and_the_training_goes_on_once_there_is_room(
    text: Path, six_steps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], leave: int
) -> None:
    """At a first and at a second checkpoint of 0.7 MB; where it is full in a file of torch, too."""
    with mounted(tmp_path / "disk") as disk:
        folder = disk / "run"
        fill(disk, leave)
        assert main(words(text, folder, max_steps=6)) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert said == (
            f"error: a checkpoint could not be written to {folder / 'checkpoints'} (No space left on device), those "
            "before are safe: make room on that disk and run the same command again"
        )
        (disk / "ballast").unlink()
        assert main(words(text, folder, max_steps=6)) == 0
        assert ("Resuming at step 3 of 6." in capsys.readouterr().err) == (leave > 700_000)
        assert (folder / "pretraining.json").exists()
        if leave > 1_000_000:
            assert came_to(folder)[0] == came_to(six_steps)[0]


def test_bad_input_is_one_clear_line(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = tmp_path / "begun"
    (begun / "checkpoints" / "checkpoint-10").mkdir(parents=True)
    (begun / "checkpoints" / "checkpoint-10" / "whole").touch()
    (begun / "checkpoints" / "begun.json").write_text('{"options": {"seed": 1}, "text": "another"}')
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "pretraining.json").write_text('{"options": ')
    no_cls = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0, "<mask>": 1})), mask_token="<mask>")
    no_cls.save_pretrained(tmp_path / "no-cls")
    out = tmp_path / "out"
    plain = ["pretrain", "--output-dir", str(out), "--text", str(text)]
    for given, reason in (
        (words(tmp_path / "none.txt", out), "no such file"),
        (words(text, out, tokenizer=tmp_path / "none", vocab_size=None), "cannot load a tokenizer"),
        (words(text, out, architecture="resnet", num_layers=None), "no model is found at 'resnet'"),
        (words(text, out, num_attention_heads=3), "not a multiple"),
        (words(text, out, batch_size=7, gradient_accumulation=2), "give a multiple of 2"),
        (words(text, out, mixed_precision="fp16"), "fp16 needs a GPU"),
        (words(text, out, tokenizer=tmp_path / "no-cls", vocab_size=None), "no cls and no sep and no pad token"),
        (words(text, damaged), "pretraining.json is damaged, or not of a pre-training: restore it"),
        (words(text, begun), "was begun with other options (--text was [] and is ['"),
        ([*plain, "--model", str(tmp_path)], "no model is found"),
        ([*plain, "--layers", "conv(4)"], "an odd kernel size"),
        ([*plain, "--whole-word-masking", "--masking", "2"], "masking must be at least 0.001 and below 1"),
        (words(text, out, sequence_length=30_000), "at least 2 of each are needed"),
    ):
        assert main(given) == 1, given
        said = capsys.readouterr().err
        assert reason in said and said.startswith("error: ") and "Traceback" not in said, said
        assert not out.exists(), given
