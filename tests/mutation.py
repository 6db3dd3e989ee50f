"""Do the tests notice a mistake? Mutants of a module, and which test killed each.

Each mutant is the module with one change that a person could make by mistake: another comparison, operator or number, a
condition turned round, a result that is not returned, a statement left out. Which ones is chosen by a seed and the
module's own changes, so that a run before a change of the tests and one after it have the same mutants, wherever the
module was moved meanwhile. Its tests run on a copy of a folder of the repository, until the first that fails:

    python -m tests.mutation before                       # all modules, about 20 minutes on one core
    python -m tests.mutation after --tree ../other search/latency/samples

What it finds is kept under that name in `tests/benchmarks/mutation.json`, module by module.
"""

import argparse
import ast
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

_CONTEXT = get_context("fork")
_IMPORTED_ONCE = ("torch", "transformers", "datasets", "accelerate", "hypothesis", "scipy.stats", "sklearn.metrics")
"""What all tests import and nobody mutates: each run is forked from a process that has it."""
ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "tests" / "benchmarks" / "mutation.json"
COUNT = 6
"""Mutants of a module."""
PATIENCE = 300
"""Seconds after which the tests of a mutant that has not failed are ended: it hangs, and that is noticed."""
TESTS = {
    "autobert_zero_hf/data/masking": "test_masking test_masked_lm",
    "autobert_zero_hf/data/unknown_tokens": "data/test_unknown_tokens",
    "autobert_zero_hf/model/canonical": "test_canonical test_execution",
    "autobert_zero_hf/model/lowering": "test_execution test_cost",
    "autobert_zero_hf/tasks/metrics": "test_metrics",
    "autobert_zero_hf/tasks/spans": "test_spans",
    "autobert_zero_hf/tasks/squad_metrics": "test_squad_metrics",
    "autobert_zero_hf/training/finetuning/evaluation": "test_evaluation",
    "search/latency/samples": "test_latency test_latency_budget",
    "search/supernet/inheritance": "test_estimator test_sub_models",
}
"""Modules, and the tests that belong to them, wherever these are under `tests`."""
_EARLIER = {
    "autobert_zero_hf/data/": "autobert_zero_hf/training/",
    "autobert_zero_hf/tasks/": "autobert_zero_hf/training/",
    "autobert_zero_hf/training/finetuning/": "autobert_zero_hf/training/",
    "search/latency/samples": "search/estimation/latency_samples",
    "search/supernet/": "search/estimation/",
    "data/test_": "training/test_",
}
"""Beginnings of paths, and what they were in older trees."""
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.MatMult: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Args:
        kind: of the change.
        line: where it is, from 1.
        before: the source that is changed.
        after: what stands there instead.
        text: the whole module with it.
    """

    kind: str
    line: int
    before: str
    after: str
    text: bytes


def changes(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str]]:
    """All changes that are known of: the kind, the node, and the source that takes its place."""
    for node in _executed(tree):
        match node:
            case ast.Compare(ops=[operator]):
                changed = ast.Compare(node.left, [_COMPARISONS[type(operator)]()], node.comparators)
                yield "comparison", node, f"({ast.unparse(changed)})"
            case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
                changed = ast.BinOp(node.left, _OPERATORS[type(operator)](), node.right)
                yield "arithmetic", node, f"({ast.unparse(changed)})"
            case ast.Constant(value=bool()):
                yield "constant", node, str(not node.value)
            case ast.Constant(value=int() | float()):
                yield "constant", node, f"({node.value!r} + 1)"
            case ast.BoolOp():
                other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield "boolean", node, f"({ast.unparse(ast.BoolOp(other, node.values))})"
            case ast.UnaryOp(op=ast.Not()):
                yield "boolean", node, f"bool({ast.unparse(node.operand)})"
            case ast.If() | ast.IfExp():
                yield "boolean", node.test, f"(not ({ast.unparse(node.test)}))"
            case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant):
                yield "return", node, "return None"
            case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]) | ast.AugAssign() | ast.Raise():
                yield "statement", node, "pass"
            case ast.Expr(value=ast.Call()):
                yield "statement", node, "pass"


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is under it, less annotations, decorators and the inside of strings."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list") and not isinstance(node, ast.JoinedStr):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _executed(child)


def mutants(source: bytes, count: int) -> list[Mutant]:
    """So many changes of a module: one of each kind in turn, so that none is left out; the same for the same source."""
    found = list(changes(ast.parse(source)))
    # What a module imports, and where, counts for nothing.
    rng = random.Random(repr([(kind, ast.unparse(node), after) for kind, node, after in found]))
    by_kind: dict[str, list[tuple[str, ast.AST, str]]] = {}
    for change in found:
        by_kind.setdefault(change[0], []).append(change)
    for each in by_kind.values():
        rng.shuffle(each)
    order = sorted(by_kind, key=lambda kind: rng.random())
    rounds = max(map(len, by_kind.values()))
    chosen = [by_kind[kind][turn] for turn in range(rounds) for kind in order if turn < len(by_kind[kind])]
    return [_applied(source, *change) for change in chosen[:count]]


def _applied(source: bytes, kind: str, node: Any, after: str) -> Mutant:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    start, end = (starts[line - 1] + column for line, column in (
        (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)))  # fmt: skip
    text = source[:start] + after.encode() + source[end:]
    ast.parse(text)
    return Mutant(kind, node.lineno, source[start:end].decode(), after, text)


def find(folder: Path, name: str) -> list[Path]:
    """The files of Python of this name in a folder, or of the name that they had."""
    earlier = next((old + name.removeprefix(new) for new, old in _EARLIER.items() if name.startswith(new)), name)
    # One of them may be reached by a link besides.
    found = sorted({file.resolve() for each in (name, earlier) for file in folder.rglob(f"{each}.py")})
    assert found, f"there is no {name} in {folder}"
    return found


def copy(tree: Path, to: Path) -> None:
    """What the tests need of a tree of the repository, where it is found before an installed one."""
    shutil.copytree(tree, to, ignore=shutil.ignore_patterns(".git", "__pycache__", "*.egg-info", "build", ".*_cache"))
    for folder in ("search", "model_cards"):
        (to / "autobert_zero_hf" / folder).symlink_to(to / folder, target_is_directory=True)


def killed_by(tree: Path, tests: list[str]) -> str | None:
    """The first test that fails, "(time is over)", or None."""
    with tempfile.TemporaryDirectory() as scratch:
        said = Path(scratch, "said")
        options = ["-x", "-q", "-p", "no:cacheprovider", "--basetemp", f"{scratch}/tests", "--tb", "no"]
        run = _CONTEXT.Process(target=_test, args=(tree, said, [*options, *tests]))
        run.start()
        run.join(PATIENCE)
        ended = not run.is_alive()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # with the commands that the tests had started
        run.join()
        if not ended:
            return "(time is over)"
        if run.exitcode == 0:
            return None
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", said.read_text(), re.MULTILINE)
        assert found, said.read_text()
        return found[1].removeprefix("tests/")


def _test(tree: Path, said: Path, words: list[str]) -> None:
    os.setsid()
    os.chdir(tree)
    with said.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]  # those of the tree
    sys.exit(pytest.main(words))


def main() -> None:
    """Make the mutants of some modules, run their tests, print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="under which the results are kept, such as before or after")
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="some of: " + ", ".join(TESTS))
    parser.add_argument("--tree", type=Path, default=ROOT, help="the repository whose tests run (default: this one)")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as scratch:
        # As the tests have it, before any library of Hugging Face is imported.
        os.environ.update(HF_HOME=f"{scratch}/home", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        os.environ.update(HF_DATASETS_DISABLE_PROGRESS_BARS="1", OMP_NUM_THREADS="1")
        for name in _IMPORTED_ONCE:
            import_module(name)
        tree = Path(scratch, "copy").resolve()
        copy(given.tree.resolve(), tree)
        for module in given.modules:
            (file,) = find(tree, module)
            source = file.read_bytes()
            tests = [
                str(each.relative_to(tree)) for name in TESTS[module].split() for each in find(tree / "tests", name)
            ]
            start = time.monotonic()
            assert (failed := killed_by(tree, tests)) is None, f"{failed} fails without a change"
            print(f"{module}: {time.monotonic() - start:.0f} s without a change", flush=True)
            results = []
            for mutant in mutants(source, COUNT):
                file.write_bytes(mutant.text)
                killer = killed_by(tree, tests)
                print(
                    f"  line {mutant.line}, {mutant.kind}: {mutant.before[:60]!r}: {killer or 'SURVIVED'}", flush=True
                )
                results.append({"line": mutant.line, "kind": mutant.kind, "from": mutant.before, "to": mutant.after,
                                "killed_by": killer})  # fmt: skip
            file.write_bytes(source)
            keep(given.name, module, results)


def keep(name: str, module: str, results: list[dict[str, Any]]) -> None:
    """Write what was found of a module beside what is there."""
    what = "mutants of modules, and the first test that failed with each; null where none did"
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"what": what, "results": {}}
    kept["results"].setdefault(name, {})[module] = results
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
