"""A run in a real kernel of Jupyter."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

CODE = """
from autobert_zero_hf.progress.plan import Planned
from autobert_zero_hf.progress.reporter import Reporter

with Reporter() as reporter:
    reporter.say("3 < 4 rows")
    with reporter.phase("Reading", 4) as show:
        for done in range(1, 5):
            show(done)
    if BROKEN:
        with reporter.phase("Training", 10, unit="steps") as show:
            show(3, "loss 6.1")
            raise KeyError("broken off")
"""


def outputs(tmp_path: Path, broken: bool) -> list[nbformat.NotebookNode]:
    cell = nbformat.v4.new_code_cell(CODE.replace("BROKEN", str(broken)))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    client = NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    found: list[nbformat.NotebookNode] = client.execute().cells[0].outputs
    return found


def test_there_is_one_output_that_tells_the_phases(tmp_path: Path) -> None:
    (shown,) = outputs(tmp_path, broken=False)
    html = shown.data["text/html"]
    assert html.startswith("<div>3 &lt; 4 rows</div><div>Reading: 4 steps, 0:0") and "<progress" not in html


def test_what_was_broken_off_says_how_far_it_came(tmp_path: Path) -> None:
    shown, error = outputs(tmp_path, broken=True)
    assert error.ename == "KeyError"
    assert "Training: 3/10, loss 6.1" in shown.data["text/html"]
