"""A folder like that of a reader: two texts, a first search by the README's command, and a BERT."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from autobert_zero_hf.search.proxies.table import PROXIES, SCREENS
from autobert_zero_hf.search.space.mutation import MUTATIONS
from autobert_zero_hf.search.strategy.table import STRATEGIES
from datasets import Dataset
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from autobert_zero_hf.model.operations import OPERATIONS, unregister

from .command_lines import check


@pytest.fixture(scope="session")
def base(documents: Dataset, tokenizer: BertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    for name, texts in (("my.txt", documents["text"][:30]), ("more.txt", documents["text"][30:60])):
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
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    for name, module in list(sys.modules.items()):  # what a page's files register is that page's
        if folder in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]
    for table in (STRATEGIES, PROXIES, SCREENS, MUTATIONS):
        for name in [name for name in table if table.modules.get(name) is not None]:
            table.remove(name)
    for name in list(OPERATIONS.modules):
        unregister(name)
    AcceleratorState._reset_state(reset_partial_state=True)  # the precision of a command is not that of other tests
