"""The folders of the package and what they import of each other, as a table: ``python -m tests.imports [ROOT]``.

It reads the text of a checkout, and runs nothing of it, so that an older one can be compared.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "autobert_zero_hf"
SHARED = "shared"
"""What stands at the top of the package or of `search`, for all parts."""


def files(root: Path) -> Iterator[tuple[str, Path]]:
    """Each module by its installed name."""
    for folder, prefix in ((root / PACKAGE, PACKAGE), (root / "search", f"{PACKAGE}.search")):
        for file in sorted(folder.rglob("*.py")):
            parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
            yield ".".join([prefix, *parts]), file


def imported(name: str, file: Path) -> set[str]:
    """The absolute names of what a module imports, in functions too."""
    names = set()
    base = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level + 1] if node.level else []
            whole = ".".join([*start, *([node.module] if node.module else [])])
            names.update(f"{whole}.{alias.name}" for alias in node.names)
    return names


def part_of(name: str, folders: set[str]) -> str:
    """The folder of a module: "model", "search/space", or "search" and "shared" for what stands above them."""
    parts = name.split(".")[1:]
    for length in (2, 1):
        if "/".join(parts[:length]) in folders:
            return "/".join(parts[:length])
    return SHARED


def table(root: Path) -> list[tuple[str, int, int, list[str]]]:
    """For each folder the number of its files and lines, and the folders that it imports."""
    modules = dict(files(root))
    folders = {f.parent.relative_to(root / PACKAGE).as_posix() for f in (root / PACKAGE).rglob("*.py")} - {"."}
    folders |= {f.parent.relative_to(root).as_posix() for f in (root / "search").rglob("*.py")}
    folders = {folder for folder in folders if folder.count("/") <= 1}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    targets: dict[str, set[str]] = defaultdict(set)
    for name, file in modules.items():
        part = part_of(name, folders)
        counts[part][0] += 1
        counts[part][1] += len(file.read_text(encoding="utf-8").splitlines())
        ours = {target for target in imported(name, file) if target.startswith(f"{PACKAGE}.")}
        targets[part] |= {part_of(target, folders) for target in ours} - {part, SHARED}
    return [(part, *counts[part], sorted(targets[part])) for part in sorted(counts, key=lambda p: (len(targets[p]), p))]


def main() -> None:
    """Print the table."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    print("| folder | files | lines | imports |\n|---|---|---|---|")
    for part, many, lines, targets in table(root):
        print(f"| {part} | {many} | {lines:,} | {', '.join(targets) or 'nothing of ours'} |")


if __name__ == "__main__":
    main()
