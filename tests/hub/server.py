"""A small Hub on loopback, for the unmodified client: pages, one-commit pushes, LFS, Xet's local store, and faults.

It keeps everything in memory, but for what Xet's client writes to a folder. `Hub.fail` makes requests of a step fail.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

from .handler import STEPS, Handler
from .pages import Commit, File, Repo, small
from .xet_store import words, xet_files


@dataclass
class Fault:
    """What happens to the next requests of a step.

    `kind` is a status, "drop" (the connection ends without an answer), "lost" (it does what it should, and then ends),
    "hang" (no answer until the test is over) or a function to call.
    """

    kind: int | str | Callable[[], None]
    times: int


class Hub:
    """A Hub that listens on a free port; `uploads` is the folder of Xet's store."""

    def __init__(self, uploads: Path):
        self.uploads = uploads
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[str] = []
        self.authorizations: set[str | None] = set()
        self.over = threading.Event()
        self.lock = threading.RLock()
        server = self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def fail(self, step: str, kind: int | str | Callable[[], None], times: int = 1_000_000) -> None:
        assert step in STEPS
        self.faults[step] = Fault(kind, times)

    def heal(self) -> None:
        self.faults.clear()
        self.over.set()
        self.over = threading.Event()

    def repo(self, repo_id: str, repo_type: str = "model") -> Repo:
        return self.repos[repo_type, repo_id]

    def commits(self, repo_id: str, repo_type: str = "model", branch: str = "main") -> list[Commit]:
        """Those that were pushed; the first of a page is the Hub's own."""
        return self.repo(repo_id, repo_type).branches[branch][1:]

    def commit(self, repo: Repo, branch: str, message: str, files: dict[str, File]) -> Commit:
        commits = repo.branches.setdefault(branch, [])
        oid = hashlib.sha1(f"{message}{time.time_ns()}{len(commits)}".encode()).hexdigest()
        commits.append(Commit(oid, message, files))
        return commits[-1]

    def create(self, repo_type: str, repo_id: str, private: bool = False) -> Repo:
        repo = self.repos[repo_type, repo_id] = Repo(private)
        self.commit(repo, "main", "initial commit", {".gitattributes": small(b"*.safetensors filter=lfs\n")})
        return repo

    def content(self, file: File) -> bytes | None:
        """None where only Xet's store has it."""
        return file.content if file.sha256 is None else self.objects.get(file.sha256)

    def xet_hash(self, sha256: str) -> str | None:
        """What Xet's store calls a file, from the tables that its client wrote."""
        wanted = words(bytes.fromhex(sha256))
        for table in sorted(self.uploads.rglob("*.mdb")):
            for name, content in xet_files(table.read_bytes()):
                if content == wanted:
                    return name
        return None
