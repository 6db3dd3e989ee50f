"""`autobert-zero shrink`: sizes of a backbone for latency budgets."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

import datasets
import transformers

from autobert_zero_hf.model import ARCHITECTURES, architecture
from autobert_zero_hf.options import add_options, given_options, option_names
from autobert_zero_hf.search import recipe_options as recipes
from autobert_zero_hf.search.publish.shrink_table import as_markdown
from autobert_zero_hf.search.recipe import Recipe, load_options
from autobert_zero_hf.search.shrink import ShrinkOptions, shrink
from autobert_zero_hf.training.processes import join_launch

from .result import Result
from .show import load_config

EXAMPLE = """example:
  autobert-zero shrink --output-dir runs/small --latency-ms 1 2 4
  autobert-zero shrink --output-dir runs/small --speedup-over models/bert --speedup 2 4 8 --evaluate-on bbc_topics
  autobert-zero shrink --output-dir runs/smaller --architecture runs/first/best --max-parameters 200000 100000
  autobert-zero shrink --output-dir runs/taught --supernet-loss both --teacher models/teacher --search-sizes head_dim
  --latency-ms 2

A folder for each budget, such as runs/small/2ms, holds its search: best/ is the model, scratch/ the same one without
what the super-net learnt. The table is shrink.json, shrink.md and shrink.svg. Run again with more budgets, the
super-net that is there serves them, too.
"""
_GROUPS = (
    recipes.DataOptions,
    recipes.SizeOptions,
    recipes.SubModelOptions,
    recipes.SuperNetOptions,
    recipes.StrategyOptions,
    recipes.EstimationOptions,
    recipes.TaskOptions,
    recipes.LatencyOptions,
    recipes.BudgetOptions,
    recipes.FinalOptions,
    recipes.RunOptions,
)
_BUDGETS = ("latency_ms", "speedup_over", "speedup", "front")
"""What a recipe says of budgets; this command has its own."""
_SIZES = tuple(name for name in option_names([recipes.JointOptions]) if name not in _BUDGETS)


def add_parser(commands: Any) -> None:
    """Add this command, with an option for each field of a recipe that shrinking needs."""
    parser: ArgumentParser = commands.add_parser(
        "shrink",
        help="find sizes of a backbone for latency budgets",
        description="Train one super-net of a backbone's sub-models, and search their sizes for each budget "
        "(AutoTinyBERT).",
        epilog=EXAMPLE,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", required=True, help="where to write; an unfinished run is resumed"
    )
    parser.add_argument(
        "--recipe", default="shrink", help="a recipe of this package, or a YAML file; options override it [shrink]"
    )
    parser.add_argument(
        "--architecture",
        metavar="PATH_OR_NAME",
        default="bert",
        help=f"the backbone: {', '.join(ARCHITECTURES)}, or that of a model's folder, in its sizes [bert]",
    )
    add_options(parser, ShrinkOptions)
    for group in _GROUPS:
        add_options(parser, group, leave_out=("layers",))
    add_options(parser, recipes.JointOptions, leave_out=_BUDGETS)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> Result | None:
    """Shrink by the recipe, overridden by the options that were given."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    known = {*option_names(_GROUPS), *_SIZES}
    given = {name: value for name, value in vars(arguments).items() if name in known}
    options = {**load_options(arguments.recipe), **_backbone(arguments.architecture), **given}
    if arguments.architecture in ARCHITECTURES:
        layers = Recipe.from_dict({**options, "layers": []}).sizes.num_layers
        options["layers"] = architecture(arguments.architecture, layers)
    folder: Path = arguments.output_dir
    facts = shrink(Recipe.from_dict(options), given_options(ShrinkOptions, vars(arguments)), folder)
    if not join_launch().is_main_process:
        return None
    written = [str(folder / f"shrink.{end}") for end in ("json", "md", "svg")]
    return Result({**facts, "written": written}, f"{as_markdown(facts)}\nWritten: {', '.join(written)}")


def _backbone(name: str) -> dict[str, Any]:
    """The options that a model's folder decides: its layers, in its sizes."""
    if name in ARCHITECTURES:
        return {}
    config = load_config(name)
    return {
        "layers": list(config.layers),
        "num_layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_attention_heads": config.num_attention_heads,
        "head_dim": config.head_dim,
    }
