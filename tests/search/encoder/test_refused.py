"""What cannot be made faster is refused before anything is trained, in a line."""

import re
from pathlib import Path

import pytest
from autobert_zero_hf.search.recipe.block_options import BlockRecipe
from datasets import Dataset

from autobert_zero_hf.commands.main import main
from autobert_zero_hf.errors import AutoBertZeroError

from .runs import run


@pytest.mark.parametrize(
    "options, said",
    [
        ({"speedup": "500"}, "no assembly of .* the fastest takes"),
        ({"speedup": "0.5"}, "--speedup 0.5: a model that is faster"),
        ({}, "give a budget"),
        ({"speedup": "2", "sequence-length": "64"}, "--sequence-length 64: .* takes 40 tokens at most"),
        ({"speedup": "2", "latency-tokens": "64"}, "--latency-tokens 64: .* takes 40 tokens at most"),
        ({"speedup": "2", "supernet-steps": "5"}, "--supernet-steps: of use with --method super-net alone"),
        ({"speedup": "2", "vocab-size": "500"}, "--vocab-size: of use with --method super-net alone"),
        ({"latency-ms": "5000"}, "5000ms: the encoder takes .* ms as it is"),
        ({"speedup": "2", "kernel-sizes": "4"}, "kernel_sizes: a convolution takes an odd kernel size"),
        ({"speedup": "2", "windows": "9999999"}, "windows: a window takes a number of tokens on either side"),
        ({"speedup": "2", "formulas": "conv(3)"}, "formulas: 'conv.3.' is a convolution, and no formula"),
        ({"speedup": "2", "formulas": "matmul("}, "formulas: the formula ends where an operation"),
        ({"speedup": "2", "max-parameters": "5"}, "belong to --method super-net"),
        ({"speedup": "2", "method": "super-net"}, "SOURCE.*: of use with --method blocks alone"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(
    options: dict[str, str], said: str, bert: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"sequence-length": "24", "latency-tokens": "24", "calibration-rows": "8", "swap-rows": "4"} | options
    if "method" in options:
        given = options
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    folder = tmp_path / "faster"
    assert main(["shrink", str(bert), "--text", str(text), "--output-dir", str(folder), *words]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert re.search(said, "\n".join(lines)), lines
    assert not list(folder.rglob("*x/*"))


def test_a_device_that_is_not_there_leaves_nothing_behind(
    bert: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the two ways to shrink, and of a search that has a latency to meet."""
    out = ["--text", str(text), "--latency-device", "xpu", "--speedup", "2", "--output-dir"]
    sizes = ["--method", "super-net", "--architecture", "bert", "--speedup-over", str(bert)]
    for command in (["shrink", str(bert)], ["shrink", *sizes], ["search", "--speedup-over", str(bert)]):
        assert main([*command, *out, str(tmp_path / "run")]) == 1
        assert "this machine has no 'xpu' to measure on" in capsys.readouterr().err
        assert not (tmp_path / "run").exists(), command


@pytest.mark.parametrize(
    "content, said",
    [
        ("一二三四五六七 \n\n" * 60, "of another language"),
        ("a word\n\n" * 3, "at least 10 are needed"),
        ("short text\n" * 40, "at least 8 of each are needed"),
    ],
    ids=["another language", "too little", "too few rows"],
)
def test_text_that_is_of_no_use_is_refused(content: str, said: str, bert: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{number} {line}\n" for number, line in enumerate(content.splitlines())))
    with pytest.raises(AutoBertZeroError, match=said):
        run(bert, path, tmp_path / "faster", 2)
    assert not (tmp_path / "faster").exists()


def test_text_without_lines_of_some_words_is_refused(bert: Path, documents: Dataset, tmp_path: Path) -> None:
    words = dict.fromkeys(
        word for text in documents["text"] for word in text.split() if word.isalpha() and len(word) < 4
    )
    (tmp_path / "words.txt").write_text("\n".join(word for word in words))
    with pytest.raises(AutoBertZeroError, match=r"the held-out text has \d+ lines of three tokens or more|at least 8"):
        run(bert, tmp_path / "words.txt", tmp_path / "faster", 2, sequence_length=8)


def test_encoders_that_no_conversion_reads_are_refused_by_name(text: Path, tmp_path: Path) -> None:
    (tmp_path / "gpt").mkdir()
    (tmp_path / "gpt" / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(AutoBertZeroError, match="is a gpt2 model: give a checkpoint of BERT"):
        run(tmp_path / "gpt", text, tmp_path / "faster", 2)


def test_rows_are_as_long_as_what_is_timed_and_the_option_that_was_given_is_named(
    bert: Path, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"source": str(bert), "latency_tokens": 512}
    assert BlockRecipe(given).data.sequence_length == 512
    assert BlockRecipe({**given, "sequence_length": 64}).data.sequence_length == 64
    assert BlockRecipe({**given, "latency_tokens": 16}).data.sequence_length == 128
    words = ["shrink", str(bert), "--text", str(text), "--output-dir", str(tmp_path / "faster"), "--speedup", "2"]
    assert main([*words, "--latency-tokens", "512"]) == 1
    assert "--latency-tokens 512: " in capsys.readouterr().err
