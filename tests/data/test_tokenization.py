import hashlib
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoTokenizer, BertTokenizer

from autobert_zero_hf.data.corpus import CorpusError
from autobert_zero_hf.data.tokenization import train_tokenizer
from tests.terminal import run


def test_it_is_a_bert_tokenizer_that_auto_tokenizer_loads(tokenizer: BertTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(loaded, BertTokenizer)
    assert len(loaded) == 1000
    assert (loaded.pad_token_id, loaded.model_max_length) == (0, 64)
    encoded = loaded("The Government [MASK]", "in LONDON")
    assert loaded.decode(encoded["input_ids"]) == "[CLS] the government [MASK] [SEP] in london [SEP]"
    assert set(encoded["token_type_ids"]) == {0, 1}
    assert loaded("the")["input_ids"] == tokenizer("the")["input_ids"]


def test_the_same_text_gives_the_same_vocabulary_in_every_process(documents: Dataset, tmp_path: Path) -> None:
    documents.to_parquet(tmp_path / "text.parquet")
    script = (
        "import sys, datasets\n"
        "from autobert_zero_hf.data.tokenization import train_tokenizer\n"
        "documents = datasets.Dataset.from_parquet(sys.argv[1], cache_dir=sys.argv[2])\n"
        "train_tokenizer(documents, 2000).save_pretrained(sys.argv[2])\n"
    )
    digests = set()
    for number in range(3):
        folder = tmp_path / str(number)
        ended, said = run(["-c", script, tmp_path / "text.parquet", folder])
        assert ended == 0, said
        digests.add(hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_vocabulary_without_room_for_the_characters_is_refused(documents: Dataset) -> None:
    with pytest.raises(CorpusError, match="a vocabulary of 50 entries has no room for the"):
        train_tokenizer(documents, vocab_size=50)
