"""The explorer, served by the command as a user runs it, and clicked through in a browser."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.search.small_search import environment, journal

from .conftest import sticks_out

TYPED = "matmul(softmax(matmul(q, transpose(k))), q)"


@pytest.fixture(scope="module")
def address(finished: tuple[Path, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "autobert_zero_hf", "explore", str(finished[0]), "--port", str(port)]
    quiet = {**environment(), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        env=quiet,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # A job in the background of a shell is deaf to Ctrl-C, and so is what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as served:
        assert served.stdout
        said = []
        for line in served.stdout:
            said.append(line)
            if "Running on" in line:
                break
        assert served.poll() is None, "".join(said)
        yield f"http://127.0.0.1:{port}"
        served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0, served.stdout.read()


@pytest.fixture
def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_label("a layer contains")).to_be_visible(timeout=30_000)
    return page


def tab(page: Page, name: str) -> None:
    """Open a tab, out of the menu of those that a narrow window has no room for."""
    if not page.get_by_role("tab", name=name).is_visible():
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown").get_by_text(name).click()
        return
    page.get_by_role("tab", name=name).click()


def rows(page: Page) -> int:
    return page.locator("#candidates [role=row]").filter(has=page.get_by_role("gridcell")).count()


def test_candidates_are_filtered_and_shown(opened: Page, finished: tuple[Path, str]) -> None:
    candidates = [event for event in journal(finished[0]) if event["event"] == "candidate"]
    cells = opened.locator("#candidates").get_by_role("gridcell")
    expect(cells.first).to_be_visible()
    before = rows(opened)
    texts = [" ".join(c["layers"]) for c in candidates]
    kernels = sorted({kernel for text in texts for kernel in re.findall(r"conv\(\d+\)", text)})
    wanted, kernel = min((sum(kernel in text for text in texts), kernel) for kernel in kernels)
    assert wanted < len(candidates)
    opened.get_by_label("a layer contains").fill(kernel)
    expect(cells).not_to_have_count(7 * before)
    assert rows(opened) <= wanted
    number = int(cells.first.inner_text())
    cells.first.click()
    shown = opened.locator(".shown").filter(has_text=f"Candidate {number}").first
    expect(shown).to_be_visible()
    expect(shown.locator(".picture svg")).to_be_visible()
    chosen = next(c for c in candidates if c["number"] == number)
    for layer in chosen["layers"]:
        expect(shown.locator("code").filter(has_text=layer).first).to_be_visible()
    assert sticks_out(opened) <= 0


def test_a_dot_is_a_candidate_and_a_pinned_one_stays_for_comparison(opened: Page) -> None:
    charts = opened.locator(".chart svg")
    expect(charts).to_have_count(2)
    shown = opened.locator("#shown h3")
    numbers = []
    for chart in (0, 1):
        dot = charts.nth(chart).locator("use").filter(has=opened.locator("title")).last
        numbers.append(int(re.findall(r"candidate (\d+):", dot.text_content() or "")[0]))
        dot.scroll_into_view_if_needed()
        box = dot.bounding_box()
        assert box
        opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        if not chart:
            expect(shown).to_have_text(f"Candidate {numbers[0]}")
            opened.get_by_role("button", name=f"Pin candidate {numbers[0]}").click()
            expect(opened.get_by_role("button", name=f"Unpin candidate {numbers[0]}")).to_be_visible()
    cells = opened.locator("#candidates").get_by_role("gridcell")
    row = next(each for each in range(0, 21, 7) if int(cells.nth(each).inner_text()) != numbers[0])
    number = cells.nth(row).inner_text()
    cells.nth(row).click()
    expect(shown).to_have_text(f"Candidate {numbers[0]} and candidate {number}")
    assert sticks_out(opened) <= 0
    opened.get_by_role("button", name="Unpin").click()
    cells.nth(row + 1).click()
    expect(shown).to_have_text(f"Candidate {number}")


def test_two_candidates_are_compared(opened: Page, finished: tuple[Path, str]) -> None:
    tab(opened, "Compare")
    title = opened.locator("h3:visible").filter(has_text="and candidate")
    expect(title).to_have_count(1)
    before = title.inner_text()
    opened.get_by_label("candidate B").click()
    opened.get_by_role("option").nth(4).click()
    expect(title).not_to_have_text(before)
    chosen = [int(number) for number in re.findall(r"\d+", title.inner_text())]
    one, other = (next(c for c in journal(finished[0]) if c.get("number") == number) for number in chosen)
    expect(opened.locator(".comparison tr.differs th").filter(has_text=re.compile(r"^layer \d"))).to_have_count(
        sum(a != b for a, b in zip(one["layers"], other["layers"], strict=True))
    )
    expect(opened.locator(".beside svg:visible")).to_have_count(2)
    assert sticks_out(opened) <= 0


def test_a_formula_is_explained_or_its_error_shown_with_its_place(opened: Page) -> None:
    tab(opened, "Formula")
    formula = opened.get_by_label("a layer", exact=True)
    formula.fill("matmul(softmax(q), k")
    error = opened.locator("pre.error")
    expect(error).to_be_visible()
    said, shown, caret = error.inner_text().splitlines()[:3]
    assert said == "the formula ends where ',' or ')' should stand"
    assert caret.index("^") == shown.index("k") + 1
    formula.fill(TYPED)
    expect(error).to_have_count(0)
    expect(opened.get_by_text(re.compile("^Plan: flash"))).to_be_visible()
    expect(opened.locator(".picture svg:visible")).to_have_count(1)
    assert sticks_out(opened) <= 0


def test_a_search_is_steered_by_the_command_that_is_shown(opened: Page, finished: tuple[Path, str]) -> None:
    tab(opened, "Steer")
    shown = opened.locator(".cm-content:visible")
    expect(shown).to_contain_text("autobert-zero search --recipe ")
    opened.get_by_role("checkbox").first.check()
    expect(shown).to_contain_text("--pin '1: ")
    opened.get_by_label("more candidates").fill("5")
    begun = journal(finished[0])[0]["recipe"]["candidates"]
    expect(shown).to_contain_text(f"--candidates {begun + 5}")
    assert "--forbid" not in shown.inner_text()
    assert sticks_out(opened) <= 0


def test_a_mask_is_filled(opened: Page) -> None:
    tab(opened, "Fill a mask")
    opened.get_by_role("button", name="Fill").click()
    expect(opened.locator("[data-testid$='-confidence-set']").first).to_be_visible(timeout=60_000)
    opened.get_by_label("a text with one [MASK]").fill("There is none.")
    opened.get_by_role("button", name="Fill").click()
    expect(opened.get_by_text("Write [MASK] once, where a word is wanted; the text has none.")).to_be_visible()


def test_it_listens_on_loopback_alone(address: str) -> None:
    port = int(address.rpartition(":")[2])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for host in others - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((str(host), port)) != 0
    assert os.path.exists("/proc/net/tcp") is False or f"00000000:{port:04X}" not in Path("/proc/net/tcp").read_text()
