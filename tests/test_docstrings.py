"""The examples in docstrings run, and the interface has some."""

import ast
import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import autobert_zero_hf
from autobert_zero_hf.model import architectures, graph, layers, modeling_autobert_zero, modeling_heads, saving


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(autobert_zero_hf.__path__, "autobert_zero_hf."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_public_docstrings_name_their_subject() -> None:
    """What `help()` shows stands alone: "Those of a config." tells nobody anything."""
    vague = re.compile(r"(Those|Them|Their|Its|Of|The same|The ones?|On)\b")
    unnamed = [
        f"{module.__name__}.{node.name}"
        for module in modules()
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        if vague.match(ast.get_docstring(node) or "")
    ]
    assert not unnamed


@pytest.mark.parametrize("module", [architectures, layers, graph, modeling_autobert_zero, modeling_heads, saving])
def test_the_interface_has_examples(module: ModuleType) -> None:
    assert any(found.examples for found in doctest.DocTestFinder().find(module))
