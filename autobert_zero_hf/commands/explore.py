"""`autobert-zero explore`: a search in the browser."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.search.publish.report_facts import read_report_facts

EXAMPLE = """example:
  autobert-zero explore runs/first
  autobert-zero explore runs/first --port 8000

The page is served to this machine alone, unless --host says otherwise.
"""


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser: ArgumentParser = commands.add_parser(
        "explore",
        help="look at a search in the browser",
        description="Serve a page of a search: filter its candidates, look at one, compare two, try a formula, fill a "
        "mask.",
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a search")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at [127.0.0.1]")
    parser.add_argument("--port", type=int, help="the port [the first free one from 7860]")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> None:
    """Serve the page until it is interrupted."""
    facts = read_report_facts(arguments.folder)
    try:
        from autobert_zero_hf.explorer.app import make_app, serve
    except ModuleNotFoundError as error:
        raise AutoBertZeroError(
            f'explore needs {error.name}: python -m pip install -c constraints.txt -e ".[app]"'
        ) from error
    names = ("best", "bert")
    models = {name: arguments.folder / name for name in names if (arguments.folder / name / "config.json").exists()}
    serve(make_app(facts, models), arguments.host, arguments.port)
