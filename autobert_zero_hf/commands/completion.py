"""Completion in shells: static scripts, made by shtab from the parser.

A completion that asks the program at each press of a key would import torch at each press; a script is as fast as the
shell, and is made anew after an update.
"""

from argparse import SUPPRESS, Action, ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path
from typing import Any

import shtab

SHELLS = ("bash", "zsh", "fish")
INSTALLATION = """completion of commands, options, choices and paths, for a new shell:
  autobert-zero --print-completion bash > ~/.local/share/bash-completion/completions/autobert-zero
  autobert-zero --print-completion zsh > ~/.zfunc/_autobert-zero    (with fpath+=~/.zfunc before compinit)
  autobert-zero --print-completion fish > ~/.config/fish/completions/autobert-zero.fish"""
PATHS = (
    "architecture", "backbone", "base_model", "data", "dataset", "evaluation", "model", "models", "recipe",
    "source", "speedup_over", "supernet_from", "task_data", "teacher", "text",
    "tokenizer",
)  # fmt: skip
"""Options and arguments that are texts, and may be paths; those that are always one have the type `Path`."""
_FOLDERS = ("DIR",)


class _PrintCompletion(Action):
    """Prints the script of a shell and ends, as `--help` does."""

    def __call__(self, parser: ArgumentParser, _: Namespace, shell: Any, __: str | None = None) -> None:
        print(shtab.complete(parser, shell))
        parser.exit()


def add_completion(parser: ArgumentParser) -> None:
    """Add `--print-completion`, and say of each argument whether it is a path.

    Args:
        parser: with all commands.
    """
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=SHELLS,
        default=SUPPRESS,
        help="print a script for completion in a shell",
    )
    _mark_paths(parser)


def _mark_paths(parser: ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for command in action.choices.values():
                _mark_paths(command)
        elif action.choices is None and (action.type is Path or action.dest in PATHS):
            is_folder = action.metavar in _FOLDERS
            action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]
