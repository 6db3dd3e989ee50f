"""The shape of the package: what imports what, what is installed, and what the README promises."""

import ast
import configparser
import functools
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from autobert_zero_hf.search.runtime.run_folder import RunFolder

import autobert_zero_hf
from autobert_zero_hf.model.blocks import all_axes
from autobert_zero_hf.model.mixers import all_weights
from tests.imports import Module, read_modules

ROOT = Path(__file__).parents[1]
PACKAGE = "autobert_zero_hf"
LAYERS = (
    ("model",),
    ("rendering", "conversion"),
    ("data", "launch", "progress"),
    ("tasks", "serving", "analysis"),
    ("training",),
    ("training.replayable",),
    ("training.pretraining", "training.finetuning"),
    ("search.space",),
    ("search.strategy",),
    ("search.proxies", "search.replay"),
    ("search.recipe",),
    ("search.supernet", "search.latency"),
    ("search.blocks",),
    ("search.runtime",),
    ("search.publish",),
    ("search.run",),
    ("explorer",),
    ("api",),
    ("commands",),
)
"""Imports point from a later row to an earlier one; the parts of a row know nothing of each other."""
SHARED = (
    "calm", "charts", "claims", "errors", "extensions", "folders", "growing", "lazily", "markdown", "model_cards",
    "model_folder", "notebook", "options", "places", "reading", "registration", "search", "standard_error", "tables",
    "writing", "__init__",
)  # fmt: skip


@functools.cache
def modules() -> dict[str, Module]:
    return read_modules(ROOT)


def part(name: str) -> tuple[int, str] | None:
    """The row of a module, and which of its parts; the most special one counts."""
    inner = name.removeprefix(f"{PACKAGE}.")
    found = [
        (len(part), number, part)
        for number, parts in enumerate(LAYERS)
        for part in parts
        if inner == part or inner.startswith(f"{part}.")
    ]
    return max(found)[1:] if found else None


def test_imports_point_one_way() -> None:
    wrong = []
    for name, module in modules().items():
        here = part(name)
        for target in module.imports:
            there = part(target) if target.startswith(PACKAGE) else None
            if here and there and here != there and here[0] <= there[0]:
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_every_module_has_its_row() -> None:
    homeless = [name for name in modules() if part(name) is None]
    known = {PACKAGE, f"{PACKAGE}.__main__", f"{PACKAGE}.conversion", f"{PACKAGE}.search"}
    known |= {f"{PACKAGE}.search.recipes", *(f"{PACKAGE}.{name}" for name in SHARED)}
    assert set(homeless) <= known


def test_the_model_is_flat_and_imports_nothing_else_of_ours() -> None:
    for name, module in modules().items():
        if name.startswith(f"{PACKAGE}.model."):
            assert name.count(".") == 2
            ours = {target for target in module.imports if target.startswith(PACKAGE)}
            assert all(target.startswith(f"{PACKAGE}.model.") for target in ours), name


def test_the_files_of_the_model_import_each_other_in_no_circle() -> None:
    """Not in functions either: what is imported late is imported all the same."""
    left = {
        name: {target for target in module.imports if target.startswith(f"{PACKAGE}.model.")}
        for name, module in modules().items()
        if name.startswith(f"{PACKAGE}.model.")
    }
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    assert not left


def test_weights_are_named_where_they_belong() -> None:
    """In the file of a layer kind or a block; others ask for them."""
    owners = re.compile(r"model\.(layer_\w+|(local_)?attention|blocks?|block_\w+|modeling_\w+|mixing)|conversion\.\w+")
    every = {name.rpartition(".")[2] for name in (*all_weights(), *all_axes())}
    names = every - {"kernels", "final_norm"}  # words that mean other things besides
    assert {"q_proj", "in_proj", "up_proj", "mixer_norm"} <= names
    known = re.compile(rf"\b({'|'.join(sorted(names))})\b")
    spelt = {}
    for name, module in modules().items():
        if owners.fullmatch(name.removeprefix(f"{PACKAGE}.")):
            continue
        documented = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(module.tree):
            text = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            if isinstance(text, str) and id(node) not in documented and known.search(text):
                spelt.setdefault(name, []).append(text)
    # What other models of transformers call the linear layers of their queries and keys, and a word of a plan.
    allowed = {f"{PACKAGE}.search.supernet.distillation": ["q_proj", "k_proj"]}
    assert spelt == allowed


def test_strategies_and_spaces_know_neither_torch_nor_files() -> None:
    """Whatever they import may import torch no more than they do, so it is asked what is there in the end."""
    for name, module in modules().items():
        if ".search.strategy" in name or ".search.space" in name:
            assert not {target.split(".")[0] for target in module.imports} & {"os", "pathlib", "json"}, name
    names = [name for name in modules() if ".search.strategy" in name or ".search.space" in name]
    heavy = {"torch", "transformers", "accelerate", "datasets", "huggingface_hub", "safetensors"}
    code = f"import sys, {', '.join(names)}; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr or done.stdout


def test_events_of_journals_are_objects_to_all_but_those_who_read_and_write_lines() -> None:
    readers = set()
    for name, module in modules().items():
        keys = [node.slice for node in ast.walk(module.tree) if isinstance(node, ast.Subscript)]
        if any(isinstance(key, ast.Constant) and key.value == "event" for key in keys):
            readers.add(name.removeprefix(f"{PACKAGE}."))
    # Whether a folder is a search's or a shrink's is asked by commands that load neither.
    assert readers == {"search.runtime.codec", "search.runtime.upgrades", "folders"}


def test_the_names_of_a_run_are_spelt_in_one_place() -> None:
    folder = RunFolder(Path())
    names = {
        str(each) for kind in vars(RunFolder).values() if isinstance(kind, property) and (each := kind.fget(folder))
    }
    assert {"journal.jsonl", "supernet.pt", "front.json"} <= names
    files = {name for name in names if "." in name}
    spelt = {
        name.removeprefix(f"{PACKAGE}.")
        for name, module in modules().items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and node.value in files
    }
    # Of the template that the report is made of, and of kinds of folders.
    assert spelt == {"search.runtime.run_folder", "folders", "search.publish.report"}


def test_graphs_need_the_standard_library_only() -> None:
    names = {f"{PACKAGE}.model.graph", f"{PACKAGE}.model.excerpts"}
    targets = {target for name in names for target in modules()[name].imports}
    targets = {target for target in targets if not target.startswith(tuple(names))}
    assert {target.split(".")[0] for target in targets} <= sys.stdlib_module_names


def test_every_module_imports_under_its_installed_name() -> None:
    names = [info.name for info in pkgutil.walk_packages(autobert_zero_hf.__path__, f"{PACKAGE}.")]
    for name in {*names, *modules()} - {f"{PACKAGE}.__main__"}:
        importlib.import_module(name)


def test_every_package_is_listed_for_installation() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {file.parent for top in (PACKAGE, "search", "model_cards") for file in (ROOT / top).rglob("__init__.py")}
    mapped = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    mapped = {name if name.startswith(PACKAGE) else f"{PACKAGE}.{name}" for name in mapped}
    assert listed == mapped


def test_search_is_not_a_package_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", "import search"], cwd=ROOT, capture_output=True, text=True)
    assert "import autobert_zero_hf.search" in done.stderr
    assert done.returncode == 1


def test_the_readme_opens_with_what_it_is_and_has_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    opening = "\n".join(readme.splitlines()[:10])
    assert 'AutoModelForMaskedLM.from_pretrained("runs/first/best")' in opening
    lines = [line.strip() for line in readme.splitlines() if line.strip().startswith("python -m pip install")]
    assert lines == [
        'python -m pip install -c constraints.txt -e ".[demo]" && autobert-zero search --output-dir runs/first',
        'python -m pip install -c constraints.txt -e ".[test]" && pytest -n 3 --dist worksteal',
    ]


def test_what_is_required_is_pinned() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = "\n".join(setup["options.extras_require"].values())
    wanted = re.findall(r"^([\w-]+)[>=]", setup["options"]["install_requires"] + "\n" + extras, re.MULTILINE)
    assert wanted
    lower = {name.lower().replace("_", "-") for name in pins}
    assert {name.lower().replace("_", "-") for name in wanted} <= lower
    assert pins["torch"] == "2.13.0"


@pytest.mark.parametrize("name", ["autobert-zero", "bert"])
def test_published_backbones_are_exported(name: str) -> None:
    assert len(autobert_zero_hf.architecture(name)) == 12
