"""The report in a browser."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page

from autobert_zero_hf.commands.main import main

from .conftest import sticks_out


@pytest.fixture(scope="module")
def report(finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", str(finished[0]), "--output", str(file)]) == 0
    return file


def test_report_opens_and_is_read(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    assert "a search for BERT backbones" in page.title()
    assert sticks_out(page) <= 0
    assert page.locator("figure svg").count() >= 5
    for picture in page.locator("figure svg").all():
        shape = picture.bounding_box()
        assert shape
        assert shape["width"] > 60
        assert shape["height"] > 20
    page.get_by_role("link", name="below").click()
    assert page.url.endswith("#trust")
    recipe = page.get_by_text("supernet_steps: 12")
    assert not recipe.is_visible()
    page.get_by_text("The whole recipe").click()
    assert recipe.is_visible()


def test_report_needs_nothing_beside_it(page: Page, report: Path, tmp_path: Path) -> None:
    page.context.set_offline(True)
    page.goto(Path(shutil.copy(report, tmp_path / "alone.html")).as_uri())
    assert page.locator("figure svg").first.is_visible()
