"""What a page of the documentation holds, by markdown-it: blocks of code, links, headings, options."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "model_cards" / "README.md")
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        place: the page and the line, for messages.
        line: the number of the first line of code, from 1.
        language: the word after the fence.
        code: what is in it.
        not_run: why it cannot run where tests run, from a comment right above it; None if it can.
    """

    place: str
    line: int
    language: str
    code: str
    not_run: str | None


def parse(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks, in order; indented ones are text."""
    found = []
    reason = None
    for token in parse(page):
        if token.type == "fence":
            assert token.map is not None
            line = token.map[0] + 2
            place = f"{page.relative_to(ROOT)}:{line}"
            found.append(Block(place, line, token.info.strip(), token.content, reason))
        comment = _NOT_RUN.fullmatch(token.content.strip()) if token.type == "html_block" else None
        reason = comment[1] if comment else None
    return found


def commands(block: Block) -> Iterator[str]:
    """The command lines of a block of bash: its lines, with those that a backslash joins, at each `&&`."""
    for line in block.code.replace("\\\n", " ").splitlines():
        yield from (part.strip() for part in line.split("&&") if part.strip() and not part.strip().startswith("#"))


def links(page: Path) -> Iterator[str]:
    """The targets of links and pictures."""
    for token in _inner(parse(page)):
        for name in ("href", "src"):
            if name in token.attrs:
                yield str(token.attrs[name])
        if token.type in ("html_block", "html_inline"):
            yield from re.findall(r'\b(?:src|href)="([^"]+)"', token.content)


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in an address."""
    tokens = parse(page)
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def options(page: Path) -> set[str]:
    """The options that the text names, such as `--seed`."""
    named = (token.content for token in _inner(parse(page)) if token.type == "code_inline")
    return {option for text in named for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)}


def _inner(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _inner(token.children or [])
