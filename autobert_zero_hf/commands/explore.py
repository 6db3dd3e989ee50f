"""`autobert-zero explore`: a search in the browser, here or as a Space of the Hub."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import add_options, find_problems, given_options, option_names
from autobert_zero_hf.search.publish.push_options import PushOptions

from .pages import alone, place_of, push_page, show_page
from .parsers import add_command

EXAMPLES = (
    "autobert-zero explore runs/first",
    "autobert-zero explore runs/first --port 8000",
    "autobert-zero explore runs/first --push-space someone/first-explorer --dry-run",
)
NOTES = """The page is served to this machine alone, unless --host says otherwise. A Space is written to DIR/hub-space
first.
"""

GROUPS = (PushOptions,)


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "explore",
        summary="look at a search in the browser",
        description="Serve a page of a search: filter its candidates, look at one, compare two, try a formula, fill a "
        "mask.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a search")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at [127.0.0.1]")
    parser.add_argument("--port", type=int, help="the port [the first free one from 7860]")
    space = parser.add_argument_group("As a Space of the Hub, instead of serving it")
    space.add_argument("--push-space", metavar="REPO", help="the Space's page, such as someone/first-explorer")
    space.add_argument("--model", metavar="REPO", help="the page of the search's winner, which the Space then names")
    space.add_argument("--dry-run", action="store_true", help="write the folder, show its files and card, send nothing")
    for group in GROUPS:
        add_options(parser, group)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Serve the page until it is interrupted, or push it."""
    given = {name: value for name, value in vars(arguments).items() if name in option_names(GROUPS)}
    if problems := find_problems(GROUPS, given):
        raise AutoBertZeroError("; ".join(problems))
    if not arguments.push_space and (given or arguments.dry_run or arguments.model):
        raise AutoBertZeroError("--dry-run, --model and the options of a page need --push-space REPO")
    if arguments.port is not None and not 0 < arguments.port < 65_536:
        raise AutoBertZeroError(f"--port {arguments.port}: a port is a number from 1 to 65535")
    try:
        from autobert_zero_hf.explorer.app import open_search, serve
    except ModuleNotFoundError as error:
        raise AutoBertZeroError(f"explore needs {error.name}: pip install 'autobert-zero-hf[app]'") from error
    if arguments.push_space:
        return _push(arguments, given_options(PushOptions, given))
    serve(open_search(arguments.folder), arguments.host, arguments.port)
    return None


@calm()
def _push(arguments: Namespace, options: PushOptions) -> Result:
    from autobert_zero_hf.search.publish import hub
    from autobert_zero_hf.search.publish.report_facts import read_report_facts
    from autobert_zero_hf.search.publish.space import APP, stage_space

    for name in (arguments.push_space, *([arguments.model] if arguments.model else [])):
        hub.check_name(name)
    hub.check_refs(options)
    if not arguments.dry_run:
        hub.check_token()
    facts = read_report_facts(arguments.folder)
    with alone(arguments.folder):
        place = place_of(arguments.folder / "hub-space", APP)
        stage_space(facts, place, arguments.push_space, arguments.model)
        if arguments.dry_run:
            shown = show_page(place, arguments.push_space, "space")
        else:
            shown = push_page(place, arguments.push_space, "space", options, arguments.command_line)
    return shown
