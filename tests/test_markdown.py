"""What is escaped reads as it did, and is nothing but text to a renderer of Markdown."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autobert_zero_hf.markdown import escaped

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
TAME = {"inline", "text", "paragraph_open", "paragraph_close", "text_special"}
TEXTS = (
    "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](https://example.org/x.png)", "<javascript:x>",
    "`code`", "*a* **b** _c_ __d__", "~~gone~~", "a | b", "a\n\n# b\n\n---\n", "&lt;b&gt; &#60;", "\\*a\\*",
    "[a]: javascript:x",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_nothing_but_text(text: str) -> None:
    check(text)


@given(st.text(alphabet=st.sampled_from("ab <>[]()`*_~\\|&#;!:\n\"'"), max_size=40))
def test_whatever_it_is(text: str) -> None:
    check(text)


def check(text: str) -> None:
    shown = escaped(text)
    assert html.unescape(shown) == " ".join(text.split())
    tokens = RENDERER.parse(f"The text {shown} it was.")
    inner = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in [*tokens, *inner]} <= TAME
    row = RENDERER.render(f"| a | b |\n|---|---|\n| {shown} | end |\n")
    assert row.count("<td>") == 2 and "<td>end</td>" in row


def test_names_stay_readable() -> None:
    assert escaped({"text": ["bbc_topics/train-00.txt", 3, None]}) == {"text": ["bbc_topics/train-00.txt", 3, None]}
