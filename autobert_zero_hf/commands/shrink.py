"""`autobert-zero shrink`: a trained encoder made faster, or sizes of a backbone, for latency budgets."""

from argparse import SUPPRESS, Namespace
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.model import ARCHITECTURES
from autobert_zero_hf.options import add_groups, add_options, option_names
from autobert_zero_hf.search.recipe.block_options import BLOCK_GROUPS
from autobert_zero_hf.search.recipe.files import load_options
from autobert_zero_hf.search.recipe.options import JointOptions
from autobert_zero_hf.search.recipe.shrink_options import (
    BUDGETS,
    METHODS,
    RECIPE,
    SIZES,
    ShrinkOptions,
    shrink_groups,
)

from .parsers import add_resumed

EXAMPLES = (
    "autobert-zero shrink models/minilm --speedup 2 3 --text my.txt --output-dir runs/faster",
    "autobert-zero shrink models/minilm --latency-ms 5 --latency-tokens 512 --text my.txt --output-dir runs/long",
    "autobert-zero shrink sentence-transformers/all-MiniLM-L6-v2 --speedup 2 --text my.txt --output-dir runs/twice",
    "autobert-zero shrink --method super-net --output-dir runs/small --supernet-from runs/pretrained --latency-ms 1 2",
    "autobert-zero shrink --method super-net --output-dir runs/new --architecture runs/first/best --speedup 2 "
    "--speedup-over runs/first/bert",
    "autobert-zero shrink --method super-net --output-dir runs/least --max-parameters 200000 100000",
)
NOTES = """A folder for each budget, such as runs/faster/2x, holds best/, the model, and what it is compared with:
dropped/, whole layers left out and trained alike, or with the super-net scratch/, the same model without
what that learnt. The table is shrink.json, shrink.md and shrink.svg. Run again with more budgets, what is
there serves them, too.
"""


def add_parser(commands: Any) -> None:
    """Add this command, with an option for each field of a recipe that shrinking needs."""
    parser = add_resumed(
        commands,
        "shrink",
        summary="make a trained encoder faster",
        description="Find, layer by layer, what a trained encoder can do without, and heal what is left (--method "
        "blocks); or train one super-net of a backbone's sub-models, and search their sizes (--method super-net, "
        "AutoTinyBERT).",
        examples=EXAMPLES,
        notes=NOTES,
    )
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="the encoder: a BERT or a model of this package, folder or Hub name"
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help=f"how, of which some options are of use with one alone [{METHODS[0]}]",
    )
    section = parser.add_argument_group("The super-net")
    section.add_argument(
        "--recipe",
        default=SUPPRESS,
        help=f"a recipe of this package, or a YAML file; options override it [{RECIPE}]",
    )
    section.add_argument(
        "--architecture",
        default=SUPPRESS,
        metavar="PATH_OR_NAME",
        help=f"the backbone: {', '.join(ARCHITECTURES)}, or that of a model, a folder or Hub name, in its sizes; by "
        "default that of --supernet-from, the recipe's layers, or BERT's",
    )
    add_options(parser, ShrinkOptions)
    defaults = load_options(RECIPE)
    add_groups(parser, BLOCK_GROUPS, leave_out={"source", "method"})
    # In the help of a screen stand those of --method blocks, which is the usual one.
    of_both = option_names(BLOCK_GROUPS)
    add_groups(parser, shrink_groups(), leave_out={"layers", *of_both}, defaults=defaults, common=False)
    add_options(parser, JointOptions, leave_out=BUDGETS, defaults=defaults, common=False)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Shrink by the recipe, overridden by the options that were given."""
    from autobert_zero_hf.api.shrink import shrink
    from autobert_zero_hf.launch.processes import join_launch

    known = {*option_names((ShrinkOptions, *BLOCK_GROUPS, *shrink_groups())), *SIZES, "recipe", "architecture"}
    given = {name: value for name, value in vars(arguments).items() if name in known}
    result = shrink(output_dir=arguments.output_dir, **given)
    return result if join_launch().is_main_process else None
