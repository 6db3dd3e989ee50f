"""`autobert-zero report`: a search as one HTML file."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result

from .parsers import add_command

EXAMPLES = (
    "autobert-zero report runs/first",
    "autobert-zero report runs/first --output first.html",
)
NOTES = """The search may be finished, running, or broken off. The file needs no network and nothing beside it.
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "report",
        summary="write a search down as one HTML file with pictures",
        description="Write a report of a search: the best backbone, scores, where it looked, trust, cost.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a search, or of `shrink SOURCE`")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the file to write [DIR/report.html]")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result:
    """Write the file."""
    from autobert_zero_hf.api.report import report

    return report(arguments.folder, arguments.output)
