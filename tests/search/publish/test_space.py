"""The explorer as a Space: pushed in one commit by the unmodified client, and started from what the page then holds."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import yaml
from autobert_zero_hf.search.publish.report_facts import read_report_facts
from autobert_zero_hf.search.publish.space import stage_space

from autobert_zero_hf.errors import AutoBertZeroError
from tests.hub.server import Hub
from tests.search.small_search import journal, rewrite

from .client import Client
from .test_push import QUICK, files, holds

PAGE = "someone/first-explorer"


@pytest.fixture(scope="module")
def pushed(lfs_client: Client, hub: Hub, searched: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder that was pushed, and what a user then downloads."""
    run = shutil.copytree(searched, tmp_path_factory.mktemp("pushed") / "first")
    words = ["explore", str(run), "--push-space", PAGE, "--model", "someone/first", *QUICK]
    hub.requests.clear()
    dry = lfs_client.run(*words, "--dry-run")
    assert dry.status == 0, dry.err
    assert "nothing is sent" in dry.out and "sdk: gradio" in dry.out and "  app.py\n" in dry.out
    assert not hub.requests
    done = lfs_client.run(*words)
    assert "pushed in one commit" in done.out, done
    assert "was there already, nothing was sent" in lfs_client.run(*words).out
    assert len(hub.commits(PAGE, "space")) == 1
    place = tmp_path_factory.mktemp("space") / "there"
    assert holds(lfs_client, PAGE, run / "hub-space", place, "space")
    return run / "hub-space", place


def test_the_page_is_set_up_by_its_card(pushed: tuple[Path, Path]) -> None:
    _, place = pushed
    _, metadata, _ = (place / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(metadata)
    assert (card["sdk"], card["app_file"], card["models"]) == ("gradio", "app.py", ["someone/first"])
    needed = (place / "requirements.txt").read_text().split()
    assert f"gradio=={card['sdk_version']}" not in needed and len(needed) > 10
    assert all("==" in line and "+" not in line for line in needed)
    assert {"runs/first/journal.jsonl", "runs/first/best/model.safetensors"} <= set(files(place))
    # Nothing says where the search lay.
    assert not [name for name, content in files(place).items() if b"/pytest-" in content]


def test_modules_with_parts_of_the_search_come_along(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is a file, one that is a folder, and one that is installed."""
    start, *others = journal(run)
    origins = {
        "strategy op-nas": "mine_alone",
        "mutation regrow": "mine_of_many.parts",
        "operation neg": "yaml (PyYAML 6)",
    }
    rewrite(run, [{**start, "origins": origins}, *others])
    facts, place = read_report_facts(run), tmp_path / "space"
    with pytest.raises(AutoBertZeroError, match="parts of the module mine_alone, which is not found here"):
        stage_space(facts, place, PAGE)
    assert not place.exists()
    rewrite(run, [{**start, "origins": {"strategy op-nas": "app"}}, *others])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "app.py").write_text("# a strategy")
    with pytest.raises(AutoBertZeroError, match="a Space has a file of that name: rename the module"):
        stage_space(read_report_facts(run), place, PAGE)
    (tmp_path / "mine_alone.py").write_text("# a strategy")
    (tmp_path / "mine_of_many").mkdir()
    for name in ("__init__", "parts"):
        (tmp_path / "mine_of_many" / f"{name}.py").write_text(f"# {name}")
    stage_space(facts, place, PAGE)
    staged = files(place)
    assert staged["mine_alone.py"] == b"# a strategy" and staged["mine_of_many/parts.py"] == b"# parts"
    assert "PyYAML==" in staged["requirements.txt"].decode()
    app = staged["app.py"].decode()
    for module in ("mine_alone", "mine_of_many.parts", "yaml"):
        assert f"\nimport {module}  # has parts of this search\n" in app
    compile(app, "app.py", "exec")


def test_it_starts_from_the_pushed_folder_by_itself(pushed: tuple[Path, Path], elsewhere: Path) -> None:
    """Where this package is not installed; and serves no file."""
    _, place = pushed
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen([elsewhere, "app.py"], cwd=place, env=clean | own, stderr=subprocess.PIPE, text=True) as app:
        try:
            page = _fetched(f"http://127.0.0.1:{port}/config", app)
            for told in ("a layer contains", "Fill a mask", "first: a search for BERT backbones"):
                assert told in page
            for path in ("app.py", str(place / "runs/first/journal.jsonl"), "/etc/passwd", "../../etc/passwd"):
                for route in ("gradio_api/file=", "file="):
                    with pytest.raises(HTTPError) as refused:
                        urlopen(f"http://127.0.0.1:{port}/{route}{path}")
                    assert refused.value.code in (403, 404)
        finally:
            app.terminate()


def _fetched(address: str, app: subprocess.Popen) -> str:
    for _ in range(600):
        try:
            return urlopen(address).read().decode()
        except URLError:
            assert app.poll() is None, app.stderr and app.stderr.read()
            time.sleep(0.5)
    raise AssertionError("it did not start")


def test_what_concerns_a_page_needs_one(lfs_client: Client, searched: Path) -> None:
    done = lfs_client.run("explore", str(searched), "--dry-run")
    assert done.status == 1
    assert "need --push-space" in done.err
