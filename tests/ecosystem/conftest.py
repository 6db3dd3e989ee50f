"""What the tests share: a backbone with every kind of layer, real sentences, and a folder as a user would have it."""

from pathlib import Path

import pytest
from datasets import Dataset
from transformers import BatchEncoding, BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM
from autobert_zero_hf.data.corpus import DEMO_TOPICS, load_demo

HYBRID = [
    "conv(5)",
    "matmul(softmax(scale(matmul(q, transpose(k)))), v)",
    "matmul(matmul(softsign(q), transpose(k)), v)",
    "matmul(softmax(neg(euclidean_distance(q, k))), v)",
]


@pytest.fixture
def config(tokenizer: BertTokenizer) -> AutoBertZeroConfig:
    """Weights so large that every layer has its say: with BERT's own, outputs are little more than the embeddings."""
    return AutoBertZeroConfig(
        layers=HYBRID,
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
        id2label=dict(enumerate(DEMO_TOPICS)),
        label2id={topic: number for number, topic in enumerate(DEMO_TOPICS)},
    )


@pytest.fixture
def still(config: AutoBertZeroConfig) -> AutoBertZeroConfig:
    """The same without dropout, for what is compared in training."""
    return AutoBertZeroConfig(**config.to_dict() | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})


@pytest.fixture(scope="session")
def sentences(documents: Dataset) -> list[str]:
    """The beginnings of eight news articles, of very different lengths."""
    return [" ".join(text.split()[: 5 + 2 * place]) for place, text in enumerate(documents["text"][:8])]


@pytest.fixture
def batch(tokenizer: BertTokenizer, sentences: list[str]) -> BatchEncoding:
    encoded = tokenizer(sentences, truncation=True, padding=True, return_tensors="pt")
    assert not encoded["attention_mask"].all()
    return encoded


@pytest.fixture(scope="session")
def topics(tokenizer: BertTokenizer) -> Dataset:
    """News articles, shuffled, as tokens and the topic's number."""
    rows = load_demo().shuffle(seed=0).select(range(80))
    return rows.map(
        lambda part: tokenizer(part["text"], truncation=True, max_length=32, padding="max_length"),
        batched=True,
        remove_columns="text",
    )


@pytest.fixture
def folder(config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path) -> Path:
    """A masked-LM model and its tokenizer, saved; every head opens it."""
    AutoBertZeroForMaskedLM(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"
