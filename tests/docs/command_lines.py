"""The command lines of the documentation: read by the parser of each program, and run where that can be done here."""

import configparser
import contextlib
import importlib.util
import re
import shlex

from accelerate.commands.launch import launch_command_parser
from accelerate.state import AcceleratorState
from click.testing import CliRunner
from huggingface_hub.cli.hf import app
from torch.distributed.run import get_args_parser

from autobert_zero_hf.commands.main import main, make_parser, modules_in
from autobert_zero_hf.extensions import import_extensions

from .markdown import ROOT

_SMALL_NET = "--vocab-size 500 --sequence-length 32"
_SMALL_ROWS = "--sequence-length 32 --batch-size 4"
_SMALL_SIZES = "--num-layers 2 --hidden-size 32 --num-attention-heads 2 --intermediate-size 64"
_SMALL_RUN = (
    "--supernet-steps 4 --supernet-batch-size 4 --population 3 --parents 2 --children 2 --candidate-steps 1 "
    "--candidate-batch-size 4 --evaluation-rows 20 --candidates 4 --final-steps 2 --mixed-precision no"
)
_SMALL_TASK = "--epochs 0.2 --max-length 16 --train-rows 32"
_SMALL_STEPS = "--backbones-per-step 3 --hidden-step 8 --intermediate-step 16 --latency-samples 20"
_SMALL_BLOCKS = (
    "--sequence-length 16 --calibration-rows 8 --swap-rows 4 --assemblies 3 --part-steps 2 --formula-candidates 4 "
    "--healing-steps 2 --latency-passes 2 --latency-tokens 16"
)
_OWN_TEXT = "--text my.txt more.txt"


def smaller(words: list[str]) -> list[str]:
    """A command of the documentation with options behind its own that make it small: seconds instead of hours."""
    command, *given = words
    text = [] if {"--text", "--dataset"} & set(given) else _OWN_TEXT.split()
    sizes = [] if {"--architecture", "--model", "--supernet-from"} & set(given) else _SMALL_SIZES.split()
    if command == "search":
        return [*words, *text, *f"{_SMALL_NET} {_SMALL_SIZES} {_SMALL_RUN}".split()]
    if command == "shrink" and "super-net" not in given:
        return [*words, *text, *_SMALL_BLOCKS.split()]
    if command == "shrink":
        return [*words, *text, *sizes, *f"{_SMALL_NET} {_SMALL_RUN} {_SMALL_STEPS}".split()]
    if command == "pretrain":
        steps = ["--epochs", "0.01"] if "--epochs" in given else ["--max-steps", "2"]
        return [*words, *text, *sizes, *_SMALL_ROWS.split(), *steps]
    if command in ("finetune", "evaluate"):
        return [*words, *_SMALL_TASK.split()]
    return words


def check(line: str, run: bool) -> None:
    """Read a command line by its program's own parser, and run it in the current folder.

    Args:
        line: of the documentation.
        run: whether to run it; else it is read only.

    Raises:
        AssertionError: if it cannot be read, fails, or is of a program that is not known here.
    """
    words = shlex.split(line)
    if words[0] == "autobert-zero":
        _ours(words[1:], run)
    elif words[:2] == ["accelerate", "launch"]:
        assert not run, f"{line}: many processes are started by the tests of searches"
        known = launch_command_parser().parse_args(words[2:])
        assert known.training_script == "autobert_zero_hf" and known.module, line
        assert known.config_file is None or (ROOT / known.config_file).is_file(), line
        make_parser().parse_args(known.training_script_args)
    elif words[0] == "torchrun":
        known = get_args_parser().parse_args(words[1:])
        assert known.training_script == "autobert_zero_hf" and known.module, line
        make_parser().parse_args(known.training_script_args)
    elif words[0] == "hf":
        _of_the_hub(words[1:], run)
    elif words[:4] == ["python", "-m", "pip", "install"]:
        _installed(words)
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), line
    elif words[0] == "sbatch":
        assert (ROOT / words[1]).is_file(), line
    else:
        assert not run, f"{line}: not a program that is known here; say above it why it is not run"


def _ours(words: list[str], run: bool) -> None:
    import_extensions(modules_in(words) if run else ())
    make_parser().parse_args(words)
    if run:
        AcceleratorState._reset_state(reset_partial_state=True)  # as in a process of its own
        assert main(smaller(words)) == 0, words


def _of_the_hub(words: list[str], run: bool) -> None:
    """A job is described and not begun; of any other command its name is looked up."""
    if run:
        assert words[0] == "jobs" and "run" in words, f"{words}: say above it why it is not run"
        words = [*words[: words.index("run") + 1], "--dry-run", *words[words.index("run") + 1 :]]
    else:
        words = [*(word for word in words[:2] if re.fullmatch("[a-z]+", word)), "--help"]
    with contextlib.chdir(ROOT):
        done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output


def _installed(words: list[str]) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = re.findall(r"\.\[([\w,]+)\]", " ".join(words))
    assert "constraints.txt" in words and extras, words
    assert set(",".join(extras).split(",")) <= set(setup["options.extras_require"]), words


def known_options() -> set[str]:
    """The options of all commands, and of the programs that start them."""
    parsers = [make_parser(), launch_command_parser(), get_args_parser()]
    for action in parsers[0]._actions:
        if isinstance(action.choices, dict):
            parsers += action.choices.values()
    return {option for parser in parsers for action in parser._actions for option in action.option_strings}
