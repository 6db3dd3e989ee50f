"""A process of a user's, with the unmodified client: it runs one command after another.

`python -m tests.search.publish.client` reads a command line a line, as JSON, and answers with its status and what it
printed. `download REPO TYPE DIR` fetches a page as the library does, and `-c CODE` is Python's. The commands run in a
process that is forked from one that has imported all they need, so that one that was killed is soon begun anew.
"""

import io
import json
import os
import signal
import subprocess
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.hub.handler import TOKEN
from tests.hub.server import Hub

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def environment(hub: Hub, home: Path, xet: bool, token: str | None = TOKEN) -> dict[str, str]:
    """That of a user with a token, whose Hub is on loopback; Xet's client, which has waits of its own, is impatient."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    own |= {"PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    own |= {"HF_XET_CLIENT_RETRY_BASE_DELAY": "10ms", "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2"}
    own |= {} if xet else {"HF_HUB_DISABLE_XET": "1"}
    return clean | own | ({"HF_TOKEN": token} if token else {})


class Client:
    """Runs commands in a process of its own, which is begun anew where it was killed."""

    def __init__(self, environment: dict[str, str]):
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.search.publish.client"],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._forked = 0

    @property
    def xet(self) -> bool:
        """Whether large files go to Xet's store."""
        return "HF_HUB_DISABLE_XET" not in self.environment

    def run(self, *words: str) -> Done:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        self._forked = int(self.process.stdout.readline())
        return Done(*json.loads(self.process.stdout.readline()))

    def kill(self) -> None:
        """Kill what runs a command."""
        os.kill(self._forked, signal.SIGKILL)

    def begin_anew(self) -> None:
        """Run what follows in a process that has run nothing yet."""
        assert self.process.stdout
        self.kill()
        self.process.stdout.readline()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def _serve() -> None:
    from huggingface_hub import snapshot_download

    from autobert_zero_hf.commands.main import main

    for part in ("page", "history", "hub"):
        import_module(f"autobert_zero_hf.search.publish.{part}")

    while pid := os.fork():
        _, ended = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(ended):
            sys.exit(os.WEXITSTATUS(ended))
        print(json.dumps([-os.WTERMSIG(ended), "", ""]), flush=True)
    for line in sys.stdin:
        print(os.getpid(), flush=True)
        command, *words = json.loads(line)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            if command == "download":
                snapshot_download(words[0], repo_type=words[1], local_dir=words[2], max_workers=1)
                status = 0
            elif command == "-c":
                code, *sys.argv[1:] = words
                try:
                    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
                    status = 0
                except Exception:
                    traceback.print_exc()
                    status = 1
            else:
                status = main([command, *words])
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)


if __name__ == "__main__":
    _serve()
