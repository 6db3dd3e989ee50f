"""Every test runs offline, with caches of its own."""

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

import gc
import random
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from hypothesis import HealthCheck, settings
from transformers import BertTokenizer
from transformers.utils import logging

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.training.corpus import load_documents
from autobert_zero_hf.training.tokenization import train_tokenizer

settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _audible() -> None:
    """A command that ran in this process before may have silenced transformers."""
    logging.set_verbosity_warning()


@pytest.fixture(scope="session", autouse=True)
def _what_is_imported_stays() -> None:
    """Accelerate collects garbage around each training, which looks through all that the tests have imported."""
    gc.collect()
    gc.freeze()


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
def tiny_config(tokenizer: BertTokenizer) -> AutoBertZeroConfig:
    """Two layers of width 32; tests replace the layers."""
    return AutoBertZeroConfig(
        layers=["conv(3)", "matmul(softmax(scale(matmul(q, transpose(k)))), v)"],
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )


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
