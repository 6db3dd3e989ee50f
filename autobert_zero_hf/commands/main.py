"""The command line: `autobert-zero COMMAND`, one file a command."""

import logging
import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from huggingface_hub.errors import StrictDataclassError

from autobert_zero_hf import __version__
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import FormulaError
from autobert_zero_hf.training.lost import waiting_for_the_launcher

from . import convert, evaluate, explore, finetune, pretrain, push, report, search, show, shrink
from .launch import first_to_speak, launch, processes_asked_for

_RESUMED = ("search", "shrink", "pretrain", "evaluate", "push")
_OF_SEVERAL_PROCESSES = ("search", "shrink", "pretrain", "finetune", "evaluate")


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    parser = ArgumentParser(
        prog="autobert-zero",
        description="Search for BERT backbones; pre-train, fine-tune, compare, publish, convert and show them.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (search, shrink, report, explore, pretrain, finetune, evaluate, push, convert, show):
        module.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0, 2 for something that the user can mend, or 130 for an interruption.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")
    arguments = sys.argv[1:] if arguments is None else arguments
    command_line = shlex.join(["autobert-zero", *arguments])
    options = make_parser().parse_args(arguments, Namespace(command_line=command_line))
    goes_on = ": the same command goes on where it stopped" if options.command in _RESUMED else ""
    if options.command in _OF_SEVERAL_PROCESSES and (processes := processes_asked_for()) > 1:
        return launch(processes, arguments, goes_on)
    try:
        with waiting_for_the_launcher():
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read what was printed has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (AutoBertZeroError, FormulaError, StrictDataclassError, OSError) as error:
        if options.debug:
            raise
        if first_to_speak():
            print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if first_to_speak():
            print(f"interrupted{goes_on}", file=sys.stderr)
        return 130
    return 0
