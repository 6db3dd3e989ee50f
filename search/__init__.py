"""The search for backbones, in the three pillars of architecture search: space, strategy, estimation.

The folder `search` is installed as `autobert_zero_hf.search`, and is imported under that name only. What a program
needs for a search is here, and is imported when it is asked for::

    from autobert_zero_hf.search import Recipe, load_options, search

    search(Recipe.from_dict(load_options("quickstart")), "runs/first")
"""

from typing import TYPE_CHECKING

from autobert_zero_hf.lazily import lazy_names

if __name__ == "search":
    raise ImportError("import autobert_zero_hf.search: the folder `search` is a part of that package, not a package")

if TYPE_CHECKING:
    from .recipe.files import load_options
    from .recipe.recipe import Recipe
    from .run.encoder_shrink import shrink
    from .run.search_run import search

__all__ = ["Recipe", "load_options", "search", "shrink"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Recipe": "recipe.recipe",
        "load_options": "recipe.files",
        "search": "run.search_run",
        "shrink": "run.encoder_shrink",
    },
)
