"""`shrink` from Python, and what it made."""

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.conversion.family import as_ours, titles
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.launch.state import own_state
from autobert_zero_hf.model import ARCHITECTURES, AutoBertZeroConfig, architecture
from autobert_zero_hf.model_folder import find_model, find_models
from autobert_zero_hf.options import given_options, option_names
from autobert_zero_hf.search.publish import encoder_table, shrink_table
from autobert_zero_hf.search.recipe.block_options import BLOCK_GROUPS, BlockRecipe
from autobert_zero_hf.search.recipe.files import load_options, overridden
from autobert_zero_hf.search.recipe.recipe import Recipe
from autobert_zero_hf.search.recipe.shrink_options import METHODS, RECIPE, SIZES, ShrinkOptions, shrink_groups
from autobert_zero_hf.search.run.encoder_shrink import shrink_encoder
from autobert_zero_hf.search.run.super_net_shrink import shrink_super_net
from autobert_zero_hf.search.runtime.run_folder import BEST, RunFolder
from autobert_zero_hf.training.pretraining.starting_point import read_config

from .keywords import plain, with_options
from .report import Report, report
from .result import Result

if TYPE_CHECKING:
    import pandas

_OF_SUPER_NETS = ("recipe", "architecture")


class ShrinkResult(Result):
    """An encoder made faster, or the sizes of a backbone, for several budgets.

    Args:
        facts: what `shrink.json` says.
        folder: of the run.
        tables: how such facts are written as a table, and drawn.
    """

    def __init__(self, facts: Mapping[str, Any], folder: Path, tables: Any):
        table = RunFolder(folder).shrink_table
        written = [str(table.with_suffix(ending)) for ending in (".json", ".md", ".svg")]
        rows = [{**row, "folder": str(folder / row["budget"] / BEST)} for row in facts["budgets"]]
        words = f"{tables.as_markdown(facts)}\nWritten: {', '.join(written)}"
        super().__init__({**facts, "budgets": rows, "written": written}, words)
        self.folder = folder

    @property
    def folders(self) -> dict[str, Path]:
        """The model of each budget, by its name, such as "2x": for `from_pretrained`."""
        return {row["budget"]: Path(row["folder"]) for row in self["budgets"]}

    @property
    def table(self) -> "pandas.DataFrame":
        """A row for each budget, with all that is known of it."""
        import pandas

        return pandas.json_normalize(self["budgets"]).set_index("budget")

    def report(self, output: str | Path | None = None) -> Report:
        """The run as one HTML file, which a notebook shows; of an encoder made faster layer by layer.

        Args:
            output: the file; by default `report.html` in the folder of the run.
        """
        return report(self.folder, output)

    def _repr_html_(self) -> str:
        picture = Path(self["written"][-1]).read_text(encoding="utf-8")
        return f"<div>{picture[picture.index('<svg') :]}<pre>{escape(self.words)}</pre></div>"


@with_options(ShrinkOptions, *BLOCK_GROUPS, *shrink_groups(), leave_out=("layers",))
@calm()
def shrink(
    source: str | os.PathLike[str] | None = None,
    output_dir: str | Path = "runs/faster",
    *,
    method: str = METHODS[0],
    recipe: str | None = None,
    architecture: str | None = None,
    **options: Any,
) -> ShrinkResult:
    """Make a trained encoder faster, or find sizes of a backbone, for budgets, as `autobert-zero shrink` does.

    The same call goes on where it was stopped; with more budgets, it uses what is there.

    Args:
        source: the encoder, a folder or Hub name: a BERT, one of its kin, or a model of this package.
        output_dir: where to write.
        method: "blocks", layer by layer; or "super-net", sizes of a backbone.
        recipe: of the super-net: the name of one of this package, or a YAML file.
        architecture: the backbone of the super-net: the name of one, or a model's folder.
        options: the budgets (`speedup`, `latency_ms`, `max_parameters`), `text`, and so on; some are of one method.

    Returns:
        The models, beside what they are compared with; `result.folders` are for `from_pretrained`.

    Raises:
        RecipeError: if an option is not known or out of its range, or there is no budget.
        CorpusError: if there is too little text.
        LatencyError: if nothing is as fast as a budget wants.
        JournalError: if the folder holds another run.
        AutoBertZeroError: if an option is of the other method, or the encoder cannot be read.
    """
    folder, groups = Path(output_dir), (ShrinkOptions, *BLOCK_GROUPS, *shrink_groups())
    given = plain(options, groups)
    own = {"source": source and os.fspath(source), "recipe": recipe, "architecture": architecture}
    given |= {name: value for name, value in own.items() if value is not None}
    check_method(method, given)
    budgets = given_options(ShrinkOptions, given)
    rest = {name: value for name, value in given.items() if name not in option_names([ShrinkOptions])}
    with own_state():
        if method == METHODS[0]:
            return ShrinkResult(shrink_encoder(BlockRecipe(rest), budgets, folder), folder, encoder_table)
        return ShrinkResult(shrink_super_net(chosen_recipe(rest), budgets, folder), folder, shrink_table)


def check_method(method: str, given: Mapping[str, Any]) -> None:
    """Refuse options that belong to the other method.

    Raises:
        AutoBertZeroError: naming them.
    """
    if method not in METHODS:
        raise AutoBertZeroError(f"--method {method!r}: give one of {', '.join(METHODS)}")
    budgets = set(option_names([ShrinkOptions]))
    blocks, super_net = set(option_names(BLOCK_GROUPS)), {*option_names(shrink_groups()), *SIZES, *_OF_SUPER_NETS}
    mine, others = (blocks, super_net) if method == METHODS[0] else (super_net, blocks)
    if foreign := [name for name in given if name in others - mine - budgets - {"method"}]:
        other = next(each for each in METHODS if each != method)
        flags = ", ".join("SOURCE" if name == "source" else f"--{name.replace('_', '-')}" for name in foreign)
        raise AutoBertZeroError(f"{flags}: of use with --method {other} alone, and the method is {method}")
    if method == METHODS[0] and given.get("source") is None:
        raise AutoBertZeroError(
            "name the encoder, as in: autobert-zero shrink SOURCE --speedup 2 --output-dir DIR; a super-net of sizes "
            "is trained with --method super-net"
        )


def chosen_recipe(given: Mapping[str, Any]) -> Recipe:
    """The recipe of a super-net, with the options that were given in its place, for the backbone that is meant.

    Args:
        given: by name; "recipe" and "architecture" among them.

    Raises:
        AutoBertZeroError: if there is no such backbone, or it is of another kind; as `Recipe.from_dict` besides.
    """
    groups = shrink_groups()
    own = {name: value for name, value in given.items() if name not in _OF_SUPER_NETS}
    options = find_models(groups, overridden(load_options(given.get("recipe", RECIPE)), own))
    name = given.get("architecture")
    if name is None:
        name = options.get("supernet_from") or (None if options.get("layers") else "bert")
    elif name not in ARCHITECTURES:
        name = find_model(name)
    options |= {option: value for option, value in _backbone(name).items() if option not in own}
    if name in ARCHITECTURES:
        recipe = Recipe.from_dict({**options, "layers": []}, own)
        options["layers"] = architecture(name, recipe.sizes.num_layers)
    elif name is not None:  # fewer layers than it has are its bottom ones
        options["layers"] = options["layers"][: options["num_layers"]]
    return Recipe.from_dict(options, own)


def _backbone(name: str | None) -> dict[str, Any]:
    """The options that a model decides: its layers, in its sizes."""
    if name is None or name in ARCHITECTURES:
        return {}
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
