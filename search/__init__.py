"""The search for backbones, in the three pillars of architecture search: space, strategy, estimation.

The folder `search` is installed as `autobert_zero_hf.search`, and is imported under that name only. What a program
needs for a search is here, and is imported when it is asked for::

    from autobert_zero_hf.search import Recipe, load_options, search

    search(Recipe.from_dict(load_options("quickstart")), "runs/first")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ == "search":
    raise ImportError("import autobert_zero_hf.search: the folder `search` is a part of that package, not a package")

if TYPE_CHECKING:
    from .recipe import Recipe, load_options
    from .run import search

__all__ = ["Recipe", "load_options", "search"]

_MODULES = {"Recipe": "recipe", "load_options": "recipe", "search": "run"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
