"""A finished search to push, and a Hub on loopback with a user's process before it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForSequenceClassification
from tests.hub.server import Hub

from .client import Client, environment


@pytest.fixture(scope="session")
def searched(finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that is finished, less what is not pushed."""
    folder = tmp_path_factory.mktemp("searched") / "first"
    shutil.copytree(finished[0], folder, ignore=shutil.ignore_patterns("supernet.pt", "logs", ".*"))
    return folder


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(searched, tmp_path / "first")


@pytest.fixture
def model(tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path) -> Path:
    """The folder of a classifier, with its tokenizer."""
    folder = tmp_path / "model"
    AutoBertZeroForSequenceClassification(tiny_config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    served = Hub(tmp_path_factory.mktemp("hub"))
    yield served
    served.close()


@pytest.fixture(scope="session")
def lfs_client(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A user's process whose large files go to LFS; the way is chosen when the library is imported."""
    process = Client(environment(hub, tmp_path_factory.mktemp("home"), xet=False))
    yield process
    process.close()


@pytest.fixture(scope="session")
def xet_client(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One whose large files go to Xet's store."""
    process = Client(environment(hub, tmp_path_factory.mktemp("home"), xet=True))
    yield process
    process.close()
