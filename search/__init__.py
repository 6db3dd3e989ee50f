"""The search for backbones, in the three pillars of architecture search: space, strategy, estimation.

The folder `search` is installed as `autobert_zero_hf.search`, and is imported under that name only. What a program
needs for a search is here, and is imported when it is asked for::

    from autobert_zero_hf.search import search

    result = search(text=["my.txt"], output_dir="runs/first")
"""

from typing import TYPE_CHECKING

from autobert_zero_hf.lazily import lazy_names

if __name__ == "search":
    raise ImportError("import autobert_zero_hf.search: the folder `search` is a part of that package, not a package")

if TYPE_CHECKING:
    from ..api.report import report
    from ..api.search import SearchResult, search
    from ..api.shrink import shrink
    from .recipe.files import load_options
    from .recipe.recipe import Recipe

__all__ = ["Recipe", "SearchResult", "load_options", "report", "search", "shrink"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Recipe": "recipe.recipe",
        "SearchResult": ".api.search",
        "load_options": "recipe.files",
        "report": ".api.report",
        "search": ".api.search",
        "shrink": ".api.shrink",
    },
)
