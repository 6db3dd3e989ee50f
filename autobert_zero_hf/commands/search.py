"""`autobert-zero search`: search for a backbone."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.options import add_groups, option_names
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.options import option_groups

from .parsers import add_resumed

EXAMPLES = (
    "autobert-zero search --output-dir runs/first",
    "autobert-zero search --output-dir runs/mine --text a.txt b.txt --candidates 100",
    "autobert-zero search --output-dir runs/first --report-to tensorboard",
    "autobert-zero search --output-dir runs/next --start-from runs/first --seed 1",
    "autobert-zero search --output-dir runs/joint --recipe joint --speedup-over runs/first/bert --speedup 1.5",
    "accelerate launch --quiet --num_processes 2 --cpu -m autobert_zero_hf search --output-dir runs/two",
)


RECIPE = "quickstart"


def add_parser(commands: Any) -> None:
    """Add this command, with an option for each field of a recipe."""
    parser = add_resumed(
        commands,
        "search",
        summary="search for a backbone",
        description="Search for a backbone on real text: super-net (BIWS), OP-NAS, and the winner beside a BERT.",
        examples=EXAMPLES,
    )
    parser.add_argument(
        "--recipe",
        default=RECIPE,
        help=f"a recipe of this package, or a YAML file; options override it [{RECIPE}]",
    )
    section = parser.add_argument_group("Beside the recipe")
    section.add_argument(
        "--report-to",
        nargs="+",
        default=["none"],
        metavar="TRACKER",
        help="where to send the metrics: tensorboard, trackio, wandb or another tracker of Accelerate, all that are "
        "installed, or none; a resumed search may report elsewhere [none]",
    )
    section.add_argument(
        "--start-from",
        nargs="+",
        type=Path,
        default=[],
        metavar="RUN",
        help="other searches, with whose best backbones this one begins: as many of each as --parents, for --starts",
    )
    section.add_argument(
        "--propose",
        metavar="COMMAND",
        help="a program, such as a script that asks a language model, that proposes backbones for each generation, at "
        "most as many as --parents: it reads and writes JSON (docs/search.md); not of the recipe [none]",
    )
    add_groups(parser, option_groups(), defaults=load_options(RECIPE))
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Search by the recipe, overridden by the options that were given."""
    from autobert_zero_hf.api.search import search
    from autobert_zero_hf.launch.processes import join_launch

    known = (*option_names(option_groups()), "report_to", "start_from", "propose")
    given = {name: value for name, value in vars(arguments).items() if name in known}
    result = search(arguments.recipe, arguments.output_dir, **given)
    return result if join_launch().is_main_process else None
