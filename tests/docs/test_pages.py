"""The documentation does what it says: its blocks of code run, its links lead somewhere, its options exist.

A block that cannot run where tests run has a comment right above it, `<!-- not run: needs the Hub -->`. Its commands
are then still read by the parsers of their programs.
"""

import doctest
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from autobert_zero_hf.search.recipe.recipe import Recipe

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.commands.main import main

from .command_lines import check, known_options
from .markdown import PAGES, ROOT, Block, anchors, blocks, commands, links, options

_OF_OTHERS = {"--version", "--dry-run", "--dist", "--count", "--attempts", "--flavor", "--help", "--secrets"}
"""Options of programs whose parsers are not asked: pytest, pip, hf, and the fuzz."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, reader: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        try:
            run(block, namespace)
        except (Exception, SystemExit) as error:
            error.add_note(f"in the block at {block.place}")
            raise


def run(block: Block, namespace: dict[str, Any]) -> None:
    if block.language == "python" and (file := re.match(r"# (\w+\.py)\n", block.code)):
        Path(file[1]).write_text(block.code, encoding="utf-8")  # in the reader's folder, for --import
    elif block.language == "python":
        # Empty lines above, so that a traceback names the line of the page.
        code = compile("\n" * (block.line - 1) + block.code, block.place.partition(":")[0], "exec")
        if block.not_run is None:
            exec(code, namespace)
    elif block.language == "pycon":
        example = doctest.DocTestParser().get_doctest(block.code, namespace, block.place, block.place, block.line)
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(
            example, clear_globs=False
        )
        namespace.update(example.globs)
        assert result.failed == 0 and result.attempted, "what it shows is not what comes out (printed above)"
    elif block.language == "bash":
        for line in commands(block):
            check(line, run=block.not_run is None)
    elif block.language == "yaml":
        Recipe.from_dict(yaml.safe_load(block.code))
    elif block.language == "json":
        json.loads(block.code)
    elif block.language == "diff":
        command = ["patch", "--dry-run", "--force", "-p1", "-d", str(ROOT)]
        done = subprocess.run(command, input=block.code, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    else:
        assert block.language == "text", f"{block.place}: {block.language or 'no language'} is not known here"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if path.startswith("https://"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert ROOT in (target, *target.parents), f"{page.name}: {link} leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_exist(page: Path) -> None:
    assert options(page) <= known_options() | _OF_OTHERS


def test_the_picture_shows_the_definition_beside_it(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    definition = readme.partition("## What a backbone is\n")[2].partition("```text\n")[2].partition("```")[0]
    layers = re.sub(r"\n +", " ", definition).splitlines()
    assert len(layers) == 4
    AutoBertZeroConfig(layers=layers).save_pretrained(tmp_path)
    assert main(["show", str(tmp_path), "--picture", str(tmp_path / "backbone.svg")]) == 0
    made = (tmp_path / "backbone.svg").read_bytes()
    assert made == (ROOT / "docs" / "images" / "backbone.svg").read_bytes(), "draw it anew, by the README's command"


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert set(PAGES) - {ROOT / "README.md"} <= linked
