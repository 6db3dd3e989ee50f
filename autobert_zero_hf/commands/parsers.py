"""What the parsers of commands that are resumed have in common."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any


def add_resumed(commands: Any, name: str, *, summary: str, description: str, example: str) -> ArgumentParser:
    """Add a command that writes into a folder, and goes on with what is there.

    Args:
        commands: where to add it.
        name: of the command.
        summary: its help, a line.
        description: a few.
        example: how it is called, as it is printed.
    """
    parser: ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=example,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", required=True, help="where to write; an unfinished run is resumed"
    )
    return parser
