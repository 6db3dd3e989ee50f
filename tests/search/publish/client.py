"""A process of a user's, with the unmodified client: it runs one command after another.

`python -m tests.search.publish.client` reads a command line a line, as JSON, and answers with its status and what it
printed. `download REPO TYPE DIR` fetches a page as the library does.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
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
        self.process: subprocess.Popen | None = None

    @property
    def xet(self) -> bool:
        """Whether large files go to Xet's store."""
        return "HF_HUB_DISABLE_XET" not in self.environment

    def start(self) -> subprocess.Popen:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.search.publish.client"],
                env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        return self.process

    def run(self, *words: str) -> Done:
        process = self.start()
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        return Done(*json.loads(answer)) if answer else Done(process.wait(), "", "")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait()


def _serve() -> None:
    from huggingface_hub import snapshot_download

    from autobert_zero_hf.commands.main import main

    for line in sys.stdin:
        command, *words = json.loads(line)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            if command == "download":
                snapshot_download(words[0], repo_type=words[1], local_dir=words[2], max_workers=1)
                status = 0
            else:
                status = main([command, *words])
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)


if __name__ == "__main__":
    _serve()
