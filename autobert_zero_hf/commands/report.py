"""`autobert-zero report`: a search as one HTML file."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.writing import written_whole

from .parsers import add_command
from .result import Result

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
    from autobert_zero_hf.search.publish.encoder_report import is_encoder_run, write_encoder_report
    from autobert_zero_hf.search.publish.report import write_report
    from autobert_zero_hf.search.publish.report_facts import read_report_facts
    from autobert_zero_hf.search.runtime.run_folder import RunFolder

    output: Path = arguments.output or RunFolder(arguments.folder).report
    if is_encoder_run(arguments.folder):
        text = write_encoder_report(arguments.folder)
    else:
        text = write_report(read_report_facts(arguments.folder))
    with written_whole(output) as partial:
        partial.write_text(text, encoding="utf-8")
    return Result({"written": str(output)}, f"Written: {output}")
