"""One whole search, that all tests look at."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from tests.search.small_search import search


@pytest.fixture(scope="session")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "news.txt"
    file.write_text("\n\n".join(documents["text"][:40]))
    return file


@pytest.fixture(scope="session")
def finished(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a search in one process that nothing disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, search(text, folder, report_to="tensorboard trackio wandb")


@pytest.fixture(scope="session")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> MaskedRows:
    return MaskedRows(pack(documents, tokenizer, 32), tokenizer)
