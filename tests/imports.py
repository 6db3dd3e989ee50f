"""The folders of the package and what they import of each other, as a table: ``python -m tests.imports [ROOT]``.

It reads the text of a checkout, and runs nothing of it, so that an older one can be compared.
"""

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "autobert_zero_hf"
SHARED = "shared"
"""What stands at the top of the package or of `search`, for all parts."""


@dataclass(frozen=True)
class Module:
    """A module's text, and what it imports."""

    name: str
    file: Path

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> set[str]:
        """The absolute names of what it imports, in functions too: modules, and what is taken from them."""
        names = set()
        base = self.name.split(".") if self.file.name == "__init__.py" else self.name.split(".")[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = base[: len(base) - node.level + 1] if node.level else []
                whole = ".".join([*start, *([node.module] if node.module else [])])
                names |= {whole, *(f"{whole}.{alias.name}" for alias in node.names)}
        return names


def read_modules(root: Path) -> dict[str, Module]:
    """All modules of a checkout, by their installed names."""
    found = {}
    for folder, prefix in ((root / PACKAGE, PACKAGE), (root / "search", f"{PACKAGE}.search")):
        for file in sorted(folder.rglob("*.py")):
            parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
            name = ".".join([prefix, *parts])
            found[name] = Module(name, file)
    return found


def part_of(name: str, folders: set[str]) -> str:
    """The folder of a module: "model", "search/space", or "search" and "shared" for what stands above them."""
    parts = name.split(".")[1:]
    for length in (2, 1):
        if "/".join(parts[:length]) in folders:
            return "/".join(parts[:length])
    return SHARED


def table(root: Path) -> list[tuple[str, int, int, list[str]]]:
    """For each folder the number of its files and lines, and the folders that it imports."""
    folders = {f.parent.relative_to(root / PACKAGE).as_posix() for f in (root / PACKAGE).rglob("*.py")} - {"."}
    folders |= {f.parent.relative_to(root).as_posix() for f in (root / "search").rglob("*.py")}
    folders = {folder for folder in folders if folder.count("/") <= 1}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    targets: dict[str, set[str]] = defaultdict(set)
    for name, module in read_modules(root).items():
        part = part_of(name, folders)
        counts[part][0] += 1
        counts[part][1] += len(module.text.splitlines())
        ours = {target for target in module.imports if target.startswith(f"{PACKAGE}.")}
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
