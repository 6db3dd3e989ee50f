"""A small BERT, real text, and a run that made the one faster on the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from autobert_zero_hf.search.blocks import prices
from autobert_zero_hf.search.run.encoder import timing
from datasets import Dataset
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerBase,
)

from .runs import beside, by_work, run


@pytest.fixture(scope="session")
def text(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "news.txt"
    path.write_text("\n\n".join(documents["text"][:60]))
    return path


@pytest.fixture(scope="session")
def bert(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with the head that predicts words; its weights are large enough that layers do something."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40}
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=3, initializer_range=0.2, **sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def same_latencies(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (prices, timing):
        monkeypatch.setattr(module, "measure", by_work)
        monkeypatch.setattr(module, "measure_beside", beside)


@pytest.fixture(scope="session")
def finished(bert: Path, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (prices, timing):
            patch.setattr(module, "measure", by_work)
            patch.setattr(module, "measure_beside", beside)
        folder = tmp_path_factory.mktemp("runs") / "faster"
        run(bert, text, folder, 1.5, 2)
    yield folder
