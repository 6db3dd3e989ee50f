"""Every test runs offline, with caches of its own."""

import gc
import os
import tempfile

# Before any library of Hugging Face is imported.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="autobert-zero-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Before torch is imported, here and in what is started: several processes share the cores, and sums over another number
# of threads round differently.
os.environ["OMP_NUM_THREADS"] = "1"

import random
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import HealthCheck, settings
from tokenizers import ByteLevelBPETokenizer
from transformers import BertTokenizer, RobertaConfig, RobertaForMaskedLM
from transformers.utils import logging

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.tokenization import train_tokenizer

settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("default")


def pytest_collection_finish() -> None:
    """Trainer, Accelerate and torch's compiler ask for collections, which need not look at what was imported again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_bars() -> None:
    """They would stand among what tests read of stderr; commands in processes of their own begin as usual."""
    logging.disable_progress_bar()


@pytest.fixture(scope="session", autouse=True)
def _caches() -> Iterator[None]:
    yield
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(0)


@pytest.fixture(scope="session")
def documents() -> Dataset:
    """Real text: the first news articles of each topic of the demo."""
    news = load_documents()
    return news.select(range(0, len(news), 10))


@pytest.fixture(scope="session")
def tokenizer(documents: Dataset) -> BertTokenizer:
    return train_tokenizer(documents, vocab_size=1000, max_length=64)


@pytest.fixture(scope="session")
def roberta(documents: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RoBERTa, three layers of width 32, as on the Hub: a vocabulary of bytes and its merges beside it.

    Which class of tokenizers reads these, its model type says alone.
    """
    folder = tmp_path_factory.mktemp("models") / "roberta"
    words = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(documents["text"], vocab_size=600, special_tokens=special, show_progress=False)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=words.get_vocab_size(), hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=66, type_vocab_size=1, initializer_range=0.2,
    )  # fmt: skip
    RobertaForMaskedLM(config).save_pretrained(folder)
    words.save_model(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_settings(tokenizer: BertTokenizer) -> dict[str, Any]:
    """Two layers of width 32; tests replace the layers."""
    return {
        "layers": ["conv(3)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"],
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    }


@pytest.fixture
def tiny_config(tiny_settings: dict[str, Any]) -> AutoBertZeroConfig:
    """A new one for each test: a model keeps the configuration that it is given, and may change it."""
    return AutoBertZeroConfig(**tiny_settings)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has what this one has, but for this package."""
    root = tmp_path_factory.mktemp("elsewhere")
    venv.create(root / "venv")
    packages = root / "packages"
    packages.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if "autobert_zero" not in entry.name and entry.suffix != ".pth":
                (packages / entry.name).symlink_to(entry)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (root / "venv" / "lib" / version / "site-packages" / "packages.pth").write_text(str(packages))
    return root / "venv" / "bin" / "python"
