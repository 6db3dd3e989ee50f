"""`autobert-zero push`: a model, and the search that found it, as pages of the Hub."""

import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.options import add_options, find_problems, given_options, option, option_names
from autobert_zero_hf.search.publish.push_options import PushOptions

from .pages import alone, place_of, push_page, show_page
from .parsers import add_command

EXAMPLES = (
    "autobert-zero push runs/first someone/first-backbone --dry-run",
    "autobert-zero push runs/first someone/first-backbone --private --tag v1.0",
    "autobert-zero push runs/first someone/first-backbone --push-history someone/first-search",
    "autobert-zero push runs/topics someone/topics --license apache-2.0",
)
NOTES = """What is pushed lies whole in DIR/hub before anything is sent. The same command again goes on where it
failed: a page that holds the folder gets no second commit.
"""


@dataclass
class CardOptions:
    """What the card says that no file tells."""

    license: str | None = option(None, "the licence of the weights, such as apache-2.0")
    language: str | None = option(None, "the language of the text, such as en; that of the demo's text is known")
    base_model: str | None = option(None, "the model of the Hub that this one was made from")
    example: str | None = option(
        None,
        "a text that the card shows the model's answer to, with [...] for the word that a model of masked words is to "
        "find; by default a sentence of English, for models that know its words",
    )
    evaluation: str | None = option(None, "the evaluation.json of `autobert-zero evaluate` that holds its scores")


GROUPS = (PushOptions, CardOptions)


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "push",
        summary="put a model, and the search that found it, on the Hub",
        description="Put a model on the Hub in one commit: weights, code, tokenizer, picture, card, recipe, journal. "
        "Log in first, with `hf auth login`.",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a search, or of a model")
    parser.add_argument("repo_id", metavar="REPO", help="the page, such as someone/model")
    parser.add_argument(
        "--push-history", metavar="REPO", help="a data set on the Hub for the search's candidates, one row each"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write the folder, show its files and the card, and send nothing"
    )
    for group in GROUPS:
        add_options(parser, group)
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result:
    """Write the folders of the pages, and push them."""
    from autobert_zero_hf.search.publish import hub
    from autobert_zero_hf.search.publish.description import describe
    from autobert_zero_hf.search.publish.facts import read_facts, read_json
    from autobert_zero_hf.search.publish.history import ROWS, stage_history
    from autobert_zero_hf.search.publish.page import PICTURE, stage_model

    given = {name: value for name, value in vars(arguments).items() if name in option_names(GROUPS)}
    if problems := find_problems(GROUPS, given):
        raise AutoBertZeroError("; ".join(problems))
    options, card_options = given_options(PushOptions, given), given_options(CardOptions, given)
    names = [arguments.repo_id, *([arguments.push_history] if arguments.push_history else [])]
    for name in names:
        hub.check_name(name)
    hub.check_refs(options)
    if not arguments.dry_run:
        hub.check_token()
    facts = read_facts(arguments.folder)
    metadata = {
        name: value for name, value in vars(card_options).items() if value and name not in ("evaluation", "example")
    }
    if card_options.evaluation:
        facts.records["evaluation"] = read_json(Path(card_options.evaluation))
    if arguments.push_history and not facts.search:
        raise AutoBertZeroError(f"--push-history: {arguments.folder} does not come from a search that is known here")
    card = describe(facts, metadata, arguments.push_history)
    with alone(arguments.folder):
        revision = options.tag or options.revision
        place, history = place_of(arguments.folder / "hub", PICTURE), place_of(arguments.folder / "hub-history", ROWS)
        stage_model(facts, card, place, arguments.repo_id, revision, card_options.example)
        pages = [(place, arguments.repo_id, "model")]
        if facts.search and arguments.push_history:
            about = {name: value for name, value in metadata.items() if name != "base_model"}
            stage_history(facts.search, history, arguments.push_history, arguments.repo_id, about, revision)
            pages.append((history, arguments.push_history, "dataset"))
        if arguments.dry_run:
            shown = [show_page(*page) for page in pages]
        else:
            shown = [push_page(*page, options, arguments.command_line) for page in pages]
    if not card.metadata.get("license"):
        warning = "no licence is named, so that nobody may use the weights: give one, such as --license apache-2.0"
        print(f"warning: {warning}", file=sys.stderr)
    told = {"sent": not arguments.dry_run, "pages": [each.facts for each in shown]}
    return Result(told, "\n".join(str(each) for each in shown))
