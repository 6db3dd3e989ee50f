"""The unmodified client before a small Hub: whatever fails, nothing is lost, and the next push makes one commit."""

import hashlib
import itertools
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.handler import TOKEN
from tests.hub.pages import small
from tests.hub.server import Hub

from .client import Client, Done

# Waits that a test can bear.
QUICK = ("--attempts", "2", "--wait", "0.01", "--timeout", "20")
_numbers = itertools.count()


@pytest.fixture(scope="module", params=["lfs", "xet"])
def client(request: pytest.FixtureRequest) -> Client:
    """A user's process whose large files go the way that is named."""
    process: Client = request.getfixturevalue(f"{request.param}_client")
    return process


@pytest.fixture
def page(hub: Hub) -> Iterator[str]:
    hub.heal()
    hub.requests.clear()
    hub.objects.clear()  # what the Hub has is not uploaded again
    yield f"someone/model-{next(_numbers)}"
    hub.heal()


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def digest(folder: Path) -> str:
    return hashlib.sha256(repr(sorted(files(folder).items())).encode()).hexdigest()


def holds(client: Client, page: str, folder: Path, place: Path, repo_type: str = "model") -> bool:
    """Whether the page's files, fetched by the library, are those of the folder, byte by byte."""
    shutil.rmtree(place, ignore_errors=True)
    assert client.run("download", page, repo_type, str(place)).status == 0
    shutil.rmtree(place / ".cache")
    (place / ".gitattributes").unlink()
    return files(place) == files(folder)


def says_what_to_do(done: Done, words: list[str], folder: Path) -> None:
    """One line, with the command to run again, word by word; no traceback, no signed address, and no token."""
    assert done.status == 1, done
    assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    command = done.err.strip().partition("autobert-zero ")[2]
    assert shlex.split(command) == words
    assert f"{folder} stays whole" in done.err
    assert TOKEN not in done.err + done.out
    assert "signature" not in done.err


class SomebodyElse:
    """Commits to the page, once, in the middle of a push."""

    def __init__(self, hub: Hub, page: str):
        self.hub, self.page, self.done = hub, page, False

    def __call__(self) -> None:
        if not self.done:
            repo = self.hub.repo(self.page)
            there = repo.branches["main"][-1].files
            self.hub.commit(repo, "main", "somebody else's", {"NOTES.md": small(b"mine"), **there})
        self.done = True


# The step that fails, how, how often, and what is said; "" where the push succeeds all the same.
FAULTS = {
    "401": ("create", 401, 9, "the Hub does not know the token: log in with `hf auth login`"),
    "403": ("create", 403, 9, "the token may not write to"),
    "403 at the commit": ("commit", 403, 9, "the token may not write to"),
    "409": ("commit", 409, 9, "another change of"),
    "409 once": ("commit", 409, 1, ""),
    "429": ("create", 429, 9, "takes no more requests for now"),
    "429 once": ("commit", 429, 1, ""),
    "500": ("commit", 500, 9, "the Hub has a fault of its own"),
    "500 once": ("commit", 500, 1, ""),
    "500 of a page's beginning": ("create", 500, 9, "the Hub has a fault of its own"),
    "500 of what it holds": ("info", 500, 9, "the Hub has a fault of its own"),
    "500 once, where the library tries again": ("preupload", 500, 1, ""),
    "a bad card": ("validate", 400, 9, "the Hub finds the request wrong"),
    "dropped connection": ("commit", "drop", 9, "the connection to the Hub broke off"),
    "dropped once": ("commit", "drop", 1, ""),
    "lost answer": ("commit", "lost", 1, ""),
    "lost answer, then nothing more": ("commit", "lost", 9, ""),
    "lost answer about the page": ("create", "lost", 1, ""),
    "hanging": ("commit", "hang", 9, "the Hub did not answer in time"),
}


# What comes before the upload and after it is the same by both ways: each fault is met by one of them.
@pytest.mark.parametrize(
    ("client", "fault"), zip(itertools.cycle(["lfs", "xet"]), FAULTS, strict=False), indirect=["client"]
)
def test_after_a_fault_the_next_push_makes_one_commit(
    client: Client, hub: Hub, page: str, run: Path, tmp_path: Path, fault: str
) -> None:
    step, kind, times, said = FAULTS[fault]
    words = ["push", str(run), page, *QUICK] + (["--timeout", "1"] if kind == "hang" else [])
    hub.fail(step, kind, times)
    first = client.run(*words)
    staged = digest(run / "hub")
    if said:
        assert said in first.err
        says_what_to_do(first, words, run / "hub")
        assert ("the page is as it was" in first.err) == (step in ("commit", "validate")), first.err
        assert ("model", page) not in hub.repos or not hub.commits(page)
    else:
        assert first.status == 0, first.err
        assert "pushed in one commit" in first.out
    hub.heal()
    second = client.run(*words)
    assert second.status == 0, second.err
    assert ("nothing was sent" in second.out) == (not said)
    assert len(hub.commits(page)) == 1
    assert digest(run / "hub") == staged
    assert hub.commits(page)[0].oid in second.out
    assert hub.requests.count(f"commit /api/models/{page}/commit/main") <= 3


def test_the_page_holds_what_was_staged_byte_by_byte(
    client: Client, hub: Hub, page: str, run: Path, tmp_path: Path
) -> None:
    """And so does the data set; large files went the way that was to be tested; a change makes a second commit."""
    history = f"{page}-search"
    words = ["push", str(run), page, "--push-history", history, *QUICK]
    assert client.run(*words).status == 0
    assert holds(client, page, run / "hub", tmp_path / "model")
    assert holds(client, history, run / "hub-history", tmp_path / "data", "dataset")
    steps = {request.split()[0] for request in hub.requests}
    assert ("xet" in steps, "put" in steps) == (client.xet, not client.xet)
    assert hub.authorizations == {f"Bearer {TOKEN}"}
    done = client.run(*words, "--license", "mit")
    assert done.out.count("pushed in one commit") == 2, done
    assert len(hub.commits(page)) == len(hub.commits(history, "dataset")) == 2
    assert holds(client, page, run / "hub", tmp_path / "model")


@pytest.mark.parametrize("moment", ["upload", "answer"])
def test_a_killed_push_leaves_nothing_half_done(
    client: Client, hub: Hub, page: str, run: Path, tmp_path: Path, moment: str
) -> None:
    # At the second, the commit is made, and nobody has heard of it.
    step = {"upload": "xet" if client.xet else "put", "answer": "commit"}[moment]
    words = ["push", str(run), page, *QUICK, "--tag", "v1.0"]
    hub.fail(step, client.kill, 1)
    assert client.run(*words).status == -9
    staged = digest(run / "hub")
    # The server outlives the client, and ends what it has begun.
    for _ in range(1000 if moment == "answer" else 0):
        if not hub.commits(page):
            time.sleep(0.01)
    assert len(hub.commits(page)) == (moment == "answer")
    hub.heal()
    second = client.run(*words)
    assert second.status == 0, second.err
    assert digest(run / "hub") == staged
    assert len(hub.commits(page)) == 1
    assert hub.repo(page).tags == {"v1.0": hub.commits(page)[0]}
    assert holds(client, page, run / "hub", tmp_path / "fetched")


def test_what_somebody_else_pushed_meanwhile_is_not_overwritten(client: Client, hub: Hub, page: str, run: Path) -> None:
    words = ["push", str(run), page, *QUICK]
    hub.fail("preupload", SomebodyElse(hub, page))
    first = client.run(*words)
    assert "somebody else has changed" in first.err
    says_what_to_do(first, words, run / "hub")
    assert [commit.message for commit in hub.commits(page)] == ["somebody else's"]
    assert client.run(*words).status == 0  # knowing that
    assert [commit.message for commit in hub.commits(page)][1:] == ["Model, pushed by autobert-zero"]
    assert hub.commits(page)[-1].files["NOTES.md"].content == b"mine"


def test_the_last_attempt_tells_what_came_through(client: Client, hub: Hub, page: str, run: Path) -> None:
    words = ["push", str(run), page, "--attempts", "1"]
    hub.fail("commit", "lost")
    first = client.run(*words)
    assert "the connection to the Hub broke off; the page holds it all the same" in first.err
    assert "nothing was sent" in client.run(*words).out
    assert len(hub.commits(page)) == 1


def test_a_store_that_hangs_is_given_up(client: Client, hub: Hub, page: str, run: Path) -> None:
    """That of Xet; of LFS the library tries the same request six times, with waits that a test cannot bear."""
    if not client.xet:
        pytest.skip("LFS")
    words = ["push", str(run), page, *QUICK, "--timeout", "1"]
    hub.fail("xet", "hang")
    client.begin_anew()  # Xet's client reads once how long it is to wait
    first = client.run(*words)
    assert "when the files were uploaded" in first.err
    says_what_to_do(first, words, run / "hub")
    hub.heal()
    assert client.run(*words).status == 0
    assert len(hub.commits(page)) == 1


def test_private_pages_branches_and_tags(client: Client, hub: Hub, page: str, run: Path) -> None:
    words = ["push", str(run), page, *QUICK]
    assert client.run(*words, "--private", "--revision", "trial", "--tag", "v0.1").status == 0
    repo = hub.repo(page)
    assert repo.private
    assert (len(hub.commits(page)), len(hub.commits(page, branch="trial"))) == (0, 1)
    assert repo.tags == {"v0.1": repo.branches["trial"][-1]}
    assert 'revision="v0.1"' in (run / "hub" / "README.md").read_text()
    again = client.run(*words, "--private", "--revision", "trial", "--tag", "v0.1")
    assert "nothing was sent" in again.out
    moved = client.run(*words, "--private", "--revision", "trial", "--tag", "v0.1", "--license", "mit")
    assert "has a tag v0.1 already" in moved.err
    assert len(hub.commits(page, branch="trial")) == 1
    repo.private = False
    public = client.run(*words, "--private")
    assert "exists, and is public: make it private in its settings" in public.err
    assert not hub.commits(page)


THEIRS = {"handler.py", "model.fp16.safetensors", "models/lora.safetensors", "data/rows.parquet", "data/train.parquet"}


def test_weights_of_an_earlier_push_go_and_the_users_own_files_stay(
    client: Client, hub: Hub, page: str, run: Path
) -> None:
    repo = hub.create("model", page)
    old = {
        name: small(b"old") for name in ("model-00001-of-00002.safetensors", "model.safetensors.index.json", *THEIRS)
    }
    hub.commit(repo, "main", "earlier", old)
    assert client.run("push", str(run), page, *QUICK).status == 0
    there = hub.commits(page)[-1].files
    assert set(old) & set(there) == THEIRS
    assert set(files(run / "hub")) < set(there)


def test_nothing_answers_at_the_address(client: Client, hub: Hub, page: str, run: Path) -> None:
    hub.fail("create", "drop")
    words = ["push", str(run), page, *QUICK]
    first = client.run(*words)
    assert "nothing was sent" in first.err
    says_what_to_do(first, words, run / "hub")
