"""The notebook of the docs, and what its cells gave: `python -m tests.docs.notebook` runs it, and writes that into it.

In a new folder, in a kernel of its own, as a reader does; some minutes. What went to stderr is left out.
"""

import hashlib
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FILE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
OUTPUTS_OF = "outputs_of"
"""Where the notebook's metadata has the digest of the cells that its outputs are of."""


def digest(notebook: NotebookNode) -> str:
    """Of the code of all cells."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with what its cells gave, in a folder."""
    run = NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": str(folder)}}).execute()
    for number, cell in enumerate((cell for cell in run.cells if cell.cell_type == "code"), start=1):
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        cell.execution_count = number
        cell.metadata.pop("execution", None)  # when it was, to the microsecond
    run.metadata[OUTPUTS_OF] = digest(run)
    return run


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        nbformat.write(executed(nbformat.read(FILE, as_version=4), Path(place)), FILE)
