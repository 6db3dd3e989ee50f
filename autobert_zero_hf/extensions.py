"""Extensions: modules of others that register parts, and are imported because somebody says so."""

import importlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from .errors import AutoBertZeroError
from .model.excerpts import excerpt, shortened
from .model.operations import probed_later

_MAX_REASON = 500


class ExtensionError(AutoBertZeroError):
    """A module that is not there, or fails."""


def import_extensions(modules: Iterable[str]) -> None:
    """Imports modules, which register parts: operations, strategies, proxies, mutations.

    They are looked for as `python -m` does it: in the current folder, on PYTHONPATH and among what is installed. What
    was imported before is not imported again.

    Args:
        modules: their names, such as `my_package` or `my_package.operations`.

    Raises:
        ExtensionError: if one is not there, or fails.
    """
    for module in modules:
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module):
            raise ExtensionError(
                f"--import {excerpt(module)}: give a module as Python imports it, such as my_package, and no path"
            )
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        try:
            with probed_later():
                importlib.import_module(module)
        except Exception as error:
            raise ExtensionError(f"--import {module}: {_reason(module, error)}") from error
        except SystemExit as error:
            raise ExtensionError(f"--import {module}: it ends the interpreter (status {error.code})") from error


def _reason(module: str, error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and (missing == module or module.startswith(f"{missing}.")):
        return f"there is no module {missing} in this folder, on PYTHONPATH or among what is installed"
    said = " ".join(shortened(str(error), _MAX_REASON).split())
    return f"it fails ({type(error).__name__}: {said}): see python -c 'import {module}'"
