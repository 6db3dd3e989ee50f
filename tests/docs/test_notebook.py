"""The notebook runs from top to bottom, in a kernel of its own."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from .markdown import ROOT

FILE = ROOT / "docs" / "notebook.ipynb"
SMALLER = {
    "[:400]": "[:80]",
    '"vocab_size": 2000': '"vocab_size": 500',
    '"supernet_steps": 100': '"supernet_steps": 5',
    '"candidate_steps": 4': '"candidate_steps": 1',
    '"evaluation_rows": 100': '"evaluation_rows": 20',
    '"population": 8': '"population": 4',
    '"candidates": 12': '"candidates": 5',
    '"final_steps": 60': '"final_steps": 2',
    "epochs=[2.0]": "epochs=[1.0]",
    "max_length=64": "max_length=16",
    "train_rows=1000": "train_rows=32",
}
"""What stands in one cell each, and what is run instead."""


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return nbformat.read(FILE, as_version=4)


def test_it_is_kept_without_outputs(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)


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
    run = NotebookClient(smaller(notebook), timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
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
