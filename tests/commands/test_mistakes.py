"""Mistakes of the command line: each is one line, which names what is near to it."""

import shlex

import pytest

from autobert_zero_hf.commands.main import main, make_parser

MISTAKES = {
    "search": "the following arguments are required: --output-dir (autobert-zero search --help)",
    "": "the following arguments are required: COMMAND (autobert-zero --help)",
    "search --ouput-dir x": "there is no option --ouput-dir; did you mean --output-dir? (autobert-zero search --help)",
    "search --output-dir x --candidate 3": "there is no option --candidate; did you mean --candidates? ",
    "search --output-dir x --candidate=3": "there is no option --candidate; did you mean --candidates? ",
    "finetune --no-group-by-lenght": "there is no option --no-group-by-lenght; did you mean --no-group-by-length? ",
    "report runs/first --zzz": "there is no option --zzz (autobert-zero report --help)",
    "--debgu show bert": "there is no option --debgu; did you mean --debug? (autobert-zero --help)",
    "serach --output-dir x": "there is no command 'serach'; did you mean search? (autobert-zero --help)",
    "zzz": "there is no command 'zzz': give one of search, shrink, ",
    "search --output-dir x --seed one": "--seed: must be a whole number, not 'one' (",
    "show bert --tokens 1.5": "--tokens: must be a whole number, not '1.5' (",
    "search --output-dir x --hours day": "--hours: must be a number, not 'day' (",
    "search --output-dir x --seed": "--seed: expected one argument (",
    "pretrain --output-dir x --mixed-precision bf17": "one of auto, no, bf16, fp16, not 'bf17'; did you mean bf16? (",
    "search --output-dir x --strategy op_nas": "not 'op_nas'; did you mean op-nas? (",
    "search --output-dir x --strategy zzz": "not 'zzz' (not registered: --import the module that defines it) (",
    "show bert backbone": "nothing takes 'backbone' here (autobert-zero show --help)",
    "search --output-dir x -z": "nothing takes '-z' here (",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_a_line_that_names_what_is_near(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(shlex.split(line))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert MISTAKES[line] in said.err


@pytest.mark.parametrize(("line", "name", "value"), [
    ("search --output-dir x --propose '--like this'", "propose", "--like this"),
    ("search --output-dir x --sandwich --no-write-back", "sandwich", True),
    ("show -- --zzz", "backbone", "--zzz"),
    ("--debug show bert", "debug", True),
])  # fmt: skip
def test_what_looks_like_a_mistake_and_is_none(line: str, name: str, value: object) -> None:
    assert getattr(make_parser().parse_args(shlex.split(line)), name) == value


def test_a_word_of_any_length_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--" + "x" * 9000], ["show", "--" + "x" * 9000], ["x" * 9000]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert len(capsys.readouterr().err) < 300
