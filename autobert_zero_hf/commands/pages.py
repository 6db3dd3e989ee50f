"""What the commands that push have in common: a folder that is made and sent by one process, shown, or pushed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.search.publish.push_options import PushOptions
from autobert_zero_hf.writing import claimed

_PAGES = ("hub", "hub-history", "hub-space")
_WHAT = {"model": "Model", "dataset": "Candidates of a search", "space": "Explorer of a search"}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other push of this folder meanwhile, which would replace what is being sent."""
    busy = f"another push of {folder} is under way: let it end, then push again"
    try:
        claim = claimed(folder, folder / ".hub.lock", _PAGES, busy)
    except OSError as error:
        raise AutoBertZeroError(
            f"{error.filename or folder} cannot be written to ({error.strerror}), and what is pushed is made beside "
            "it: push a copy of the folder"
        ) from error
    try:
        yield
    finally:
        claim.release()


def place_of(folder: Path, sign: str) -> Path:
    """A folder to write a page in: a new one, or that of an earlier push, which holds the sign."""
    if folder.is_symlink():
        raise AutoBertZeroError(
            f"{folder} is a link to {folder.readlink()}, and the page would take its place: take the link away, or "
            "give it another name"
        )
    if folder.exists() and not (folder / sign).exists():
        raise AutoBertZeroError(
            f"{folder} is not of an earlier push, and what it holds would be lost: give it another name"
        )
    return folder


def show_page(folder: Path, repo_id: str, repo_type: str) -> Result:
    """The files of a page that is not sent, and its card."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [{"name": str(path.relative_to(folder)), "bytes": path.stat().st_size} for path in paths]
    card = (folder / "README.md").read_text(encoding="utf-8")
    lines = [f"{repo_type} {repo_id}: {len(files)} files in {folder}, nothing is sent"]
    lines += [f"  {file['bytes']:>12,}  {file['name']}" for file in files]
    facts = {"page": repo_id, "type": repo_type, "folder": str(folder), "files": files, "card": card}
    return Result(facts, "\n".join([*lines, f"\nREADME.md\n\n{card}"]))


def push_page(folder: Path, repo_id: str, repo_type: str, options: PushOptions, command_line: str) -> Result:
    """Push a page; what came of it.

    Raises:
        PublishError: if it cannot be done; with the command to run again.
    """
    from autobert_zero_hf.search.publish import hub

    hub.give_up_after(options.timeout)
    message = f"{_WHAT[repo_type]}, pushed by autobert-zero"
    try:
        pushed = hub.push(folder, repo_id, message, options, repo_type)
    except hub.PublishError as error:
        raise hub.PublishError(f"{error}. {folder} stays whole; when that is mended: {command_line}") from error
    what = "pushed in one commit" if pushed.new else "was there already, nothing was sent"
    facts = {"page": repo_id, "type": repo_type, "url": pushed.url, "commit": pushed.commit, "new": pushed.new}
    return Result(facts, f"{pushed.url}: {what} ({pushed.commit})")
