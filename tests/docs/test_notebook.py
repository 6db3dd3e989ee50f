"""The notebook runs from top to bottom, in a kernel of its own."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from .notebook import FILE, OUTPUTS_OF, digest, executed

SMALLER = {
    "[:400]": "[:80]",
    "vocab_size=2000": "vocab_size=500",
    "supernet_steps=600": "supernet_steps=5",
    "candidate_steps=4": "candidate_steps=1",
    "evaluation_rows=200": "evaluation_rows=20",
    "population=8": "population=4",
    "candidates=16": "candidates=5",
    "final_steps=200": "final_steps=2",
    "epochs=2": "epochs=1",
    "max_length=64": "max_length=16",
    "train_rows=1000": "train_rows=32",
}
"""What stands in one cell each, and what is run instead."""


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return nbformat.read(FILE, as_version=4)


def test_it_is_kept_with_the_outputs_of_its_cells(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata[OUTPUTS_OF] == digest(notebook), "run `python -m tests.docs.notebook` anew"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(output.output_type != "error" for cell in code for output in cell.outputs)
    written = FILE.read_text(encoding="utf-8")
    assert "/tmp" not in written and str(Path.home()) not in written


def test_its_links_lead_somewhere(notebook: NotebookNode) -> None:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert targets and all((FILE.parent / target).is_file() for target in targets)


def smaller(notebook: NotebookNode) -> NotebookNode:
    """The same with numbers that make it a matter of seconds."""
    small = copy.deepcopy(notebook)
    for number, less in SMALLER.items():
        (cell,) = (cell for cell in small.cells if cell.cell_type == "code" and number in cell.source)
        cell.source = cell.source.replace(number, less)
    return small


def test_it_runs_and_shows_pictures(notebook: NotebookNode, tmp_path: Path) -> None:
    run = executed(smaller(notebook), tmp_path)
    shown = [set(output.get("data", ())) for cell in run.cells for output in cell.get("outputs", ())]
    assert sum("image/svg+xml" in kinds for kinds in shown) == 1, "the graph of a formula"
    assert sum("image/png" in kinds for kinds in shown) == 1, "the chart of the scores"
    pages = [
        output.data["text/html"]
        for cell in run.cells
        for output in cell.get("outputs", ())
        if "text/html" in output.get("data", ()) and "AutoBertZeroConfig" in output.data["text/html"]
    ]
    assert len(pages) == 2 and all("<svg" in page for page in pages), "the paper's backbone, and the winner"
    assert (tmp_path / "runs" / "notebook" / "best" / "model.safetensors").is_file()
    assert (tmp_path / "runs" / "topics" / "result.json").is_file()
