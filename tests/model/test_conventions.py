"""transformers' linter for the files of a model, which checks its conventions."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autobert_zero_hf.model

FOLDER = Path(autobert_zero_hf.model.__file__).parent


def lint(folder: Path) -> tuple[int, str]:
    options = ["--no-progress", "--no-cache", "--enable-all-trf-rules"]
    done = subprocess.run([sys.executable, "-m", "mlinter", *options, str(folder)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_mlinter_is_clean() -> None:
    status, output = lint(FOLDER)
    assert status == 0, output


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("configuration_autobert_zero.py", "@strict\n", "TRF010"),
        ("modeling_autobert_zero.py", "        super()._init_weights(module)\n", "TRF018"),
        ("modeling_heads.py", "        self.post_init()\n", "TRF013"),
    ],
)
def test_mlinter_reads_each_file(file: str, line: str, rule: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "model"))
    code = (folder / file).read_text()
    assert line in code
    (folder / file).write_text(code.replace(line, ""))
    status, output = lint(folder)
    assert status == 1
    assert rule in output
