"""A folder like that of a reader: two texts, a first search by the README's command, and a BERT."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from datasets import Dataset
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from .command_lines import check


@pytest.fixture(scope="session")
def base(documents: Dataset, tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    for name, texts in (("my.txt", documents["text"][:60]), ("more.txt", documents["text"][60:120])):
        (folder / name).write_text("\n\n".join(texts), encoding="utf-8")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    bert = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes)
    BertForMaskedLM(bert).save_pretrained(folder / "models" / "bert")
    tokenizer.save_pretrained(folder / "models" / "bert")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        check("autobert-zero search --output-dir runs/first", run=True)
    return folder


@pytest.fixture
def reader(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it for a page, as the current folder."""
    folder = tmp_path / "work"
    shutil.copytree(base, folder)
    monkeypatch.chdir(folder)
    yield folder
    AcceleratorState._reset_state(reset_partial_state=True)  # the precision of a command is not that of other tests
