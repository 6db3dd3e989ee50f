import pytest
from autobert_zero_hf.search.supernet.supernet import SuperNet

from autobert_zero_hf import AutoBertZeroConfig
from tests.graphs import BRANCHES


@pytest.fixture
def net(tiny_config: AutoBertZeroConfig) -> SuperNet:
    return SuperNet(tiny_config, BRANCHES, seed=0)
