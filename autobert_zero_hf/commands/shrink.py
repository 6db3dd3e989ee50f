"""`autobert-zero shrink`: a trained encoder made faster, or sizes of a backbone, for latency budgets."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import ARCHITECTURES, architecture
from autobert_zero_hf.options import add_groups, add_options, given_options, option_names
from autobert_zero_hf.search.recipe import options as recipes
from autobert_zero_hf.search.recipe.block_options import BLOCK_GROUPS, BlockRecipe
from autobert_zero_hf.search.recipe.files import load_options, overridden
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.recipe.shrink_options import ShrinkOptions

from .parsers import add_resumed
from .result import Result

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
METHODS = ("blocks", "super-net")
_RECIPE = "shrink"
_BUDGETS = ("latency_ms", "speedup_over", "speedup", "front")
"""What a recipe says of budgets; this command has its own."""
_SIZES = tuple(name for name in option_names([recipes.JointOptions]) if name not in _BUDGETS)


def _groups() -> tuple[type, ...]:
    """The options that shrinking has, as a search does: not those of what layers can be."""
    left_out = (recipes.SpaceOptions, recipes.JointOptions, recipes.ScreenOptions, recipes.InheritanceOptions)
    return tuple(group for group in recipes.option_groups() if group not in left_out)


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
        "--recipe", default=_RECIPE, help=f"a recipe of this package, or a YAML file; options override it [{_RECIPE}]"
    )
    section.add_argument(
        "--architecture",
        metavar="PATH_OR_NAME",
        help=f"the backbone: {', '.join(ARCHITECTURES)}, or that of a model, a folder or Hub name, in its sizes; by "
        "itself that of --supernet-from, the recipe's layers, or BERT's",
    )
    add_options(parser, ShrinkOptions)
    defaults = load_options(_RECIPE)
    add_groups(parser, BLOCK_GROUPS, leave_out={"source", "method"})
    # In the help of a screen stand those of --method blocks, which is the usual one.
    of_both = option_names(BLOCK_GROUPS)
    add_groups(parser, _groups(), leave_out={"layers", *of_both}, defaults=defaults, common=False)
    add_options(parser, recipes.JointOptions, leave_out=_BUDGETS, defaults=defaults, common=False)
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result | None:
    """Shrink by the recipe, overridden by the options that were given."""
    _check_method(arguments)

    from autobert_zero_hf.launch.processes import join_launch
    from autobert_zero_hf.search.publish import encoder_table, shrink_table
    from autobert_zero_hf.search.run.encoder_shrink import shrink_encoder
    from autobert_zero_hf.search.run.super_net_shrink import shrink_super_net
    from autobert_zero_hf.search.runtime.run_folder import RunFolder

    folder: Path = arguments.output_dir
    options = given_options(ShrinkOptions, vars(arguments))
    if arguments.method == "blocks":
        names = option_names(BLOCK_GROUPS)
        recipe = BlockRecipe({name: value for name, value in vars(arguments).items() if name in names})
        facts, as_markdown = shrink_encoder(recipe, options, folder), encoder_table.as_markdown
    else:
        facts, as_markdown = shrink_super_net(chosen_recipe(arguments), options, folder), shrink_table.as_markdown
    if not join_launch().is_main_process:
        return None
    table = RunFolder(folder).shrink_table
    written = [str(table.with_suffix(ending)) for ending in (".json", ".md", ".svg")]
    return Result({**facts, "written": written}, f"{as_markdown(facts)}\nWritten: {', '.join(written)}")


def _check_method(arguments: Namespace) -> None:
    """Refuse options that belong to the other method.

    Raises:
        AutoBertZeroError: naming them.
    """
    budgets = set(option_names([ShrinkOptions]))
    blocks, super_net = set(option_names(BLOCK_GROUPS)), {*option_names(_groups()), *_SIZES, "architecture", "recipe"}
    mine, others = (blocks, super_net) if arguments.method == "blocks" else (super_net, blocks)
    defaults = {"recipe": _RECIPE, "architecture": None, "source": None}
    given = [
        name
        for name, value in vars(arguments).items()
        if name in others - mine - budgets - {"method"} and (name not in defaults or value != defaults[name])
    ]
    if given:
        other = next(method for method in METHODS if method != arguments.method)
        flags = ", ".join("SOURCE" if name == "source" else f"--{name.replace('_', '-')}" for name in given)
        raise AutoBertZeroError(f"{flags}: of use with --method {other} alone, and the method is {arguments.method}")
    if arguments.method == "blocks" and arguments.source is None:
        raise AutoBertZeroError(
            "name the encoder, as in: autobert-zero shrink SOURCE --speedup 2 --output-dir DIR; a super-net of sizes "
            "is trained with --method super-net"
        )


def chosen_recipe(arguments: Namespace) -> Recipe:
    """The recipe that is named, overridden by the options that were given, for the backbone that is meant.

    Raises:
        AutoBertZeroError: if there is no such backbone, or it is of another kind; as `Recipe.from_dict` besides.
    """
    from autobert_zero_hf.model_folder import find_model, find_models

    groups = _groups()
    known = {*option_names(groups), *_SIZES}
    given = {name: value for name, value in vars(arguments).items() if name in known}
    options = find_models(groups, overridden(load_options(arguments.recipe), given))
    name = arguments.architecture
    if name is None:
        name = options.get("supernet_from") or (None if options.get("layers") else "bert")
    elif name not in ARCHITECTURES:
        name = find_model(name)
    options |= {option: value for option, value in _backbone(name).items() if option not in given}
    if name in ARCHITECTURES:
        recipe = Recipe.from_dict({**options, "layers": []}, given)
        options["layers"] = architecture(name, recipe.sizes.num_layers)
    elif name is not None:  # fewer layers than it has are its bottom ones
        options["layers"] = options["layers"][: options["num_layers"]]
    return Recipe.from_dict(options, given)


def _backbone(name: str | None) -> dict[str, Any]:
    """The options that a model decides: its layers, in its sizes."""
    if name is None or name in ARCHITECTURES:
        return {}

    from autobert_zero_hf.conversion.family import as_ours, titles
    from autobert_zero_hf.model import AutoBertZeroConfig
    from autobert_zero_hf.training.pretraining.starting_point import read_config

    config = as_ours(read_config(name))
    if not isinstance(config, AutoBertZeroConfig):
        raise AutoBertZeroError(
            f"{name} is a {config.model_type} model: give one of {titles(with_classes=True)}, a model of this "
            f"package, or one of {', '.join(ARCHITECTURES)}"
        )
    return {
        "layers": list(config.layers),
        "num_layers": len(config.layers),
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_attention_heads": config.num_attention_heads,
        "head_dim": config.head_dim,
    }
