"""Recipes as files, and as what a command line puts in their place."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.extensions import import_extensions
from autobert_zero_hf.model.excerpts import excerpt
from autobert_zero_hf.reading import ReadingError, decode, parse_yaml
from autobert_zero_hf.training.shared_options import OF_NEW_VOCABULARY

from .choices import CHOSEN, RecipeError, check_options, chosen_by, decisive, idle_options
from .options import OF_SOURCE
from .paths import from_folder

_REPLACED = {
    "text": ("dataset", "dataset_config", "text_column"),
    "dataset": ("text",),
    "tokenizer": OF_NEW_VOCABULARY,
    "supernet_from": (*OF_SOURCE, "final_learning_rate"),
    "block": ("positions",),
}
"""What an option takes the place of."""

RECIPES = Path(__file__).parents[1] / "recipes"
_EARLIER = RECIPES / "earlier"
"""What recipes of the package had otherwise, in earlier versions of it."""


def load_options(
    name_or_path: str, begun: Mapping[str, Any] | None = None, given: Collection[str] = ()
) -> dict[str, Any]:
    """The options of a recipe: the name of one that comes with the package, or a YAML file.

    The relative paths in a file mean the folder that it lies in.

    Args:
        name_or_path: of the recipe.
        begun: the options of a search that is to go on, if there is one, as its journal has them: a recipe of the
            package that has changed since is as it was then.
        given: the names of options that take the place of the recipe's.

    Raises:
        RecipeError: if there is none, or if it is not a mapping of options.
    """
    path = Path(name_or_path)
    packaged = not path.suffix and (RECIPES / f"{name_or_path}.yaml").is_file()
    if packaged:
        path = RECIPES / f"{name_or_path}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in RECIPES.glob("*.yaml"))
        raise RecipeError(
            f"no recipe {excerpt(name_or_path)}: give one of {', '.join(known)}, or the path of a YAML file"
        )
    try:
        options = parse_yaml(decode(path.read_bytes()))
    except ReadingError as error:
        raise RecipeError(f"{path} is {error}") from error
    options = {} if options is None else options
    if not isinstance(options, dict):
        raise RecipeError(f"{path}: a recipe is a mapping, such as `seed: 0`, not {type(options).__name__}")
    try:
        options = without_imports(options)
        check_options(options)
    except AutoBertZeroError as error:
        raise RecipeError(f"{path}: {error}") from error
    return {**options, **_earlier(path.name, begun or {}, given)} if packaged else from_folder(options, path.parent)


def _earlier(name: str, begun: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """What a recipe of the package had otherwise when a search was begun by it; nothing if it was as it is."""
    file = _EARLIER / name
    editions = parse_yaml(decode(file.read_bytes())) if begun and file.is_file() else []
    known = decisive(begun) if editions else {}
    for edition in editions:
        if all(known.get(option) == value for option, value in edition.items() if option not in given):
            return dict(edition)
    return {}


def imports_of(name_or_path: str) -> list[str]:
    """The modules that a recipe asks for; none where it cannot be read, which is said when it is."""
    try:
        options = parse_yaml(decode(Path(name_or_path).read_bytes()))
    except (OSError, ValueError):
        return []
    return _imports_in(options) if isinstance(options, dict) else []


def overridden(options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The options of a recipe with others in their place.

    A text replaces a data set, and a data set a text; a tokenizer what a new one would be; a model to begin as what it
    has of its own, and the rate that suits new weights; a block the positions of another one; another strategy or proxy
    all options that only others have.
    """
    kept = dict(options)
    for what in CHOSEN.keys() & given.keys():
        if given[what] != kept.get(what):
            for other in idle_options(what, chosen_by(what, {**kept, **given})):
                kept.pop(other, None)
    for name, others in _REPLACED.items():
        if given.get(name):
            for other in others:
                kept.pop(other, None)
    return {**kept, **given}


def without_imports(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, once what stands under `import` is imported.

    Raises:
        RecipeError: if that is no list of names.
        ExtensionError: if a module is not there, or fails.
    """
    import_extensions(_imports_in(options))
    return {name: value for name, value in options.items() if name != "import"}


def _imports_in(options: Mapping[str, Any]) -> list[str]:
    modules = options.get("import", [])
    modules = [modules] if isinstance(modules, str) else modules
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        raise RecipeError(f"import must be a list of the names of modules, not {excerpt(modules)}")
    return modules
