"""What the parsers of commands have in common."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_command(
    commands: Any, name: str, *, summary: str, description: str, examples: Sequence[str], notes: str = ""
) -> ArgumentParser:
    """Add a command.

    Args:
        commands: where to add it.
        name: of the command.
        summary: its help, a line.
        description: a few.
        examples: how it is called, the simplest first.
        notes: what else there is to know.

    Returns:
        Its parser, for its arguments: those in no group stand in its short help.
    """
    parser: ArgumentParser = commands.add_parser(
        name, help=summary, description=description, examples=examples, notes=notes
    )
    return parser


def add_resumed(commands: Any, name: str, **told: Any) -> ArgumentParser:
    """Add a command that writes into a folder, and goes on with what is there.

    Args:
        commands: where to add it.
        name: of the command.
        told: what `add_command` takes besides.

    Returns:
        Its parser, as of `add_command`.
    """
    parser = add_command(commands, name, **told)
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", required=True, help="where to write; an unfinished run is resumed"
    )
    return parser
