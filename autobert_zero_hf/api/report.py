"""`report` from Python."""

from html import escape
from pathlib import Path

from autobert_zero_hf.search.publish.encoder_report import is_encoder_run, write_encoder_report
from autobert_zero_hf.search.publish.report import write_report
from autobert_zero_hf.search.publish.report_facts import read_report_facts
from autobert_zero_hf.search.runtime.run_folder import RunFolder
from autobert_zero_hf.writing import written_whole

from .result import Result

_HEIGHT = 640
"""Of the frame in a notebook, in pixels."""


class Report(Result):
    """A search, written down as one HTML file that needs nothing beside it; a notebook shows it.

    Args:
        file: that was written.
    """

    def __init__(self, file: Path):
        super().__init__({"written": str(file)}, f"Written: {file}")
        self.file = file

    def __fspath__(self) -> str:
        return str(self.file)

    def _repr_html_(self) -> str:
        page = escape(self.file.read_text(encoding="utf-8"))
        return f'<iframe srcdoc="{page}" width="100%" height="{_HEIGHT}" style="border: 0"></iframe>'


def report(folder: str | Path, output: str | Path | None = None) -> Report:
    """Write a search down as one HTML file with pictures, as `autobert-zero report` does.

    Args:
        folder: of a search, finished, running or broken off; or of `shrink SOURCE`.
        output: the file to write; by default `report.html` in the folder.

    Raises:
        AutoBertZeroError: if the folder holds no search.
        JournalError: if its journal is damaged.
    """
    folder = Path(folder)
    file = Path(output) if output is not None else RunFolder(folder).report
    text = write_encoder_report(folder) if is_encoder_run(folder) else write_report(read_report_facts(folder))
    with written_whole(file) as partial:
        partial.write_text(text, encoding="utf-8")
    return Report(file)
