"""The help of a command: a screen of what matters, and everything by group."""

import re
import shlex

import pytest

from autobert_zero_hf.commands.main import main, make_parser

_COMMANDS = ("convert", "search", "shrink", "report", "explore", "pretrain", "finetune", "evaluate", "push", "show")
_LONG = ("search", "shrink", "pretrain", "finetune", "evaluate")
_LINES, _COLUMNS = 40, 80


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a help says."""
    with pytest.raises(SystemExit, match="0"):
        main(words)
    return capsys.readouterr().out


def options_in(text: str) -> set[str]:
    """The options that begin a line."""
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE))


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(_COLUMNS))


@pytest.mark.parametrize("which", ["--help", "--help-all"])
@pytest.mark.parametrize("command", _COMMANDS)
def test_the_examples_parse(command: str, which: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = told(capsys, command, which).split("example:\n")[1].split("\n\n")[0].splitlines()
    assert len(examples) >= 2
    for words in map(shlex.split, examples):
        ours = next(place for place, word in enumerate(words) if word in ("autobert-zero", "autobert_zero_hf"))
        assert make_parser().parse_args(words[ours + 1 :]).command == command


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_is_a_screen_with_the_example_first(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, command, "--help")
    assert text.count("\n") <= _LINES
    described = text[: text.index("example:")]
    assert 0 < described.strip().count("\n") + 1 <= 3
    below = text[text.index("options that matter most:") :]
    assert max(map(len, below.splitlines())) < _COLUMNS
    count = re.search(r"--help-all shows all (\d+) options", text)
    assert count and len(options_in(told(capsys, command, "--help-all"))) == int(count[1]) > 5


@pytest.mark.parametrize("command", _LONG)
def test_help_shows_a_dozen_options_and_says_which_must_be_given(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(capsys, command, "--help")
    assert 9 <= len(options_in(text)) <= 16
    assert {"--output-dir"} <= options_in(text)
    assert re.search(r"--output-dir DIR[^-]*\(required\)", text)


def test_few_words_are_the_beginning_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    few, everything = (" ".join(told(capsys, "search", which).split()) for which in ("--help", "--help-all"))
    assert "what proposes candidates: evolution, evolved, fast, " in few
    assert "what proposes candidates: evolution: regularised evolution" in everything
    assert "--candidates INT candidates to evaluate [64]" in few
    assert "--candidates INT candidates to evaluate [64]" in everything


def test_groups_keep_their_capitals_and_have_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    commands = next(action.choices for action in make_parser()._actions if action.dest == "command")
    for command, parser in commands.items():
        known = {action.option_strings[-1] for action in parser._actions if action.option_strings}
        text = told(capsys, command, "--help-all")
        assert {name for name in known if f"{name} " in text or f"{name}\n" in text} == known
    text = told(capsys, "search", "--help-all")
    assert {"OP-NAS:", "Local search:", "Where the search looks next:", "Output:"} <= set(text.splitlines())
    assert "Questions and answers (SQuAD):" in told(capsys, "finetune", "--help-all").splitlines()


def test_shrinking_shows_what_belongs_to_its_usual_method(capsys: pytest.CaptureFixture[str]) -> None:
    shown = options_in(told(capsys, "shrink", "--help"))
    assert {"--text", "--speedup", "--healing-steps"} <= shown
    assert not {"--supernet-steps", "--strategy", "--architecture"} & shown
