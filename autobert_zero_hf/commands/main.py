"""The command line: `autobert-zero COMMAND`, one file a command."""

import logging
import os
import re
import shlex
import sys
from argparse import SUPPRESS, ArgumentError, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from autobert_zero_hf import __version__
from autobert_zero_hf.api.result import Result
from autobert_zero_hf.errors import AutoBertZeroError, explain_refusal
from autobert_zero_hf.extensions import import_extensions
from autobert_zero_hf.launch.lost import waiting_for_the_launcher
from autobert_zero_hf.model import FormulaError
from autobert_zero_hf.model.excerpts import excerpt, shortened
from autobert_zero_hf.search.recipe.files import imports_of
from autobert_zero_hf.writing import check_folder

from . import convert, evaluate, explore, finetune, pretrain, push, report, search, show, shrink
from .completion import INSTALLATION, add_completion
from .exit_status import TABLE, Signals, Status, Terminated
from .help import HelpParser
from .launch import first_to_speak, in_launch, launch, processes_asked_for
from .mistakes import LineParser
from .result import stdout_kept_for_the_result, write

_RESUMED = ("search", "shrink", "pretrain", "evaluate", "push")
_OF_SEVERAL_PROCESSES = ("search", "shrink", "pretrain", "finetune", "evaluate")
_NO_MEMORY = "can't allocate memory"
_MAX_ERROR = 4000
"""Characters of an error that are printed; a library may put all that it was given into its words."""


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    parser = LineParser(
        prog="autobert-zero",
        description="Search for BERT backbones; pre-train, fine-tune, compare, publish, convert and show them.",
        epilog=f"The result goes to stdout, and all else to stderr. NO_COLOR is heeded.\n\n{TABLE}\n\n{INSTALLATION}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=HelpParser)
    for module in (search, shrink, report, explore, pretrain, finetune, evaluate, push, convert, show):
        module.add_parser(commands)
    for command in commands.choices.values():
        command.add_argument_group("Extensions").add_argument(
            "--import",
            dest="modules",
            action="append",
            metavar="MODULE",
            help="a module to import first, which registers operations, strategies, proxies or mutations; found as by "
            "python -m, and given as often as there are modules",
        )
        _add_output_options(command)
    add_completion(parser)
    return parser


def _add_output_options(parser: ArgumentParser) -> None:
    section: Any = parser.add_argument_group("Output")
    section.add_argument("--json", action="store_true", help="print the result as one JSON document")
    section.add_argument("--quiet", action="store_true", help="print nothing but the result and errors")
    # Given before the command, it counts as well.
    section.add_argument("--debug", action="store_true", default=SUPPRESS, help="show the traceback of an error")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: see `exit_status`.

    Raises:
        SystemExit: if the command line is not understood, or asks for help.
        Exception: what went wrong, with --debug.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")
    logging.getLogger("huggingface_hub").propagate = False  # it has a handler of its own, and would say all twice
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        try:
            import_extensions(modules_in(arguments))
        except AutoBertZeroError as error:
            if "--debug" in arguments:
                raise
            return _say(f"error: {error}", Status.FAILED)
        options = _parse(arguments)
        goes_on = ": the same command goes on where it stopped" if options.command in _RESUMED else ""
        if options.command in _OF_SEVERAL_PROCESSES and (processes := processes_asked_for()) > 1:
            return launch(processes, arguments, goes_on)
        return _end(options, goes_on)
    except BrokenPipeError:  # whoever read the help has seen enough
        _read_no_more(sys.stdout)
        return Status.DONE


def modules_in(arguments: Sequence[str]) -> list[str]:
    """The modules that a command line asks for, itself or by its recipe: the parser is made of what they register."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--import", dest="modules", action="append", default=[])
    parser.add_argument("--recipe")
    try:
        asked, _ = parser.parse_known_args(arguments)
    except ArgumentError:  # the whole parser says it
        return []
    return [*asked.modules, *(imports_of(asked.recipe) if asked.recipe else ())]


def _parse(arguments: Sequence[str]) -> Namespace:
    command_line = shlex.join(["autobert-zero", *arguments])
    defaults = Namespace(command_line=command_line, json=False, quiet=False)
    try:
        return make_parser().parse_args(arguments, defaults)
    finally:
        sys.stdout.flush()  # the help, while a reader who went away can still be seen


def _end(options: Namespace, goes_on: str) -> int:
    """Run the command, say how it ended, and give the status."""
    signals = Signals()
    try:
        with signals.raised():
            result = _run(options)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if signals.came or not isinstance(error, Exception):
            return _ended(signals.came or Status.INTERRUPTED, goes_on)
        if options.debug:
            raise
        return _say(f"error: {_explained(error)}", Status.FAILED)
    if result is not None:
        try:
            write(result, options.json)
        except BrokenPipeError:  # whoever read it has seen enough
            _read_no_more(sys.stdout)
    return Status.DONE


def _check_paths(options: Namespace) -> None:
    """What holds for every command: its words can be written down, and so can its results."""
    for word in shlex.split(options.command_line):
        try:
            word.encode()
        except UnicodeEncodeError as error:
            # Python shows a byte that is not UTF-8 as half of a character, which no journal, card or JSON can hold.
            raise AutoBertZeroError(f"{excerpt(word)} is not UTF-8: rename what it names, or give another") from error
    if (folder := getattr(options, "output_dir", None)) is not None:
        check_folder(folder)


def _explained(error: Exception) -> str:
    if isinstance(error, OSError):
        return shortened(explain_refusal(error), _MAX_ERROR)
    if _is_foreseen(error):
        return shortened(str(error), _MAX_ERROR)
    # torch has a class for this on a GPU alone.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _NO_MEMORY in str(error):
        asked = re.search(r"allocate (\d+) bytes", str(error))
        told = f", {int(asked[1]) / 1e9:,.1f} GB in one piece" if asked else ""
        return f"there is not enough memory{told}: give smaller sizes, shorter rows or fewer of them at once"
    told = shortened(f"{type(error).__name__}: {error}", _MAX_ERROR)
    return f"{told} (not foreseen; with --debug, it is shown where)"


def _is_foreseen(error: Exception) -> bool:
    if isinstance(error, AutoBertZeroError | FormulaError):
        return True
    from huggingface_hub.errors import StrictDataclassError

    return isinstance(error, StrictDataclassError)


def _ended(by: Status, goes_on: str) -> int:
    """Say which signal ended the command."""
    if by is Status.INTERRUPTED:
        return _say(f"interrupted{goes_on}", by)
    # In a launch it is the launcher that ends the processes, and says why.
    return by if in_launch() else _say(f"ended by SIGTERM{goes_on}", by)


def _run(options: Namespace) -> Result | None:
    _check_paths(options)
    with waiting_for_the_launcher(), stdout_kept_for_the_result(options.quiet):
        result: Result | None = options.run(options)
        return result


def _say(text: str, status: Status) -> Status:
    try:
        if first_to_speak():
            print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        _read_no_more(sys.stderr)
        return Status.UNREAD
    return status


def _read_no_more(stream: Any) -> None:
    """What a stream still holds goes nowhere, and so makes no error when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
