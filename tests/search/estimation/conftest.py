import pytest
from autobert_zero_hf.search.supernet.supernet import SuperNet
from datasets import Dataset
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig
from autobert_zero_hf.data.masked_rows import MaskedRows
from autobert_zero_hf.data.packing import pack
from tests.graphs import BRANCHES


@pytest.fixture(scope="session")
def rows(documents: Dataset, tokenizer: BertTokenizer) -> MaskedRows:
    return MaskedRows(pack(documents, tokenizer, 32), tokenizer)


@pytest.fixture
def net(tiny_config: AutoBertZeroConfig) -> SuperNet:
    return SuperNet(tiny_config, BRANCHES, seed=0)
