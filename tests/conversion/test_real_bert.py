"""A BERT that was trained, on real text."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, BatchEncoding, BertModel, PreTrainedTokenizerBase

from autobert_zero_hf import AutoBertZeroModel
from autobert_zero_hf.conversion import convert_checkpoint
from tests.conversion.models import largest_difference, run

VARIABLE = "AUTOBERT_ZERO_BERT"


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get(VARIABLE)
    if named is None:
        pytest.skip(f"{VARIABLE} names no folder with the checkpoint of a BERT")
    if not Path(named, "config.json").is_file():
        pytest.skip(f"{VARIABLE}: there is no checkpoint in {named}")
    return Path(named)


def batches(tokenizer: PreTrainedTokenizerBase, documents: Dataset) -> Iterator[BatchEncoding]:
    """Texts of one to 256 tokens, and pairs of their beginnings and what follows; padded."""
    options = {"padding": True, "truncation": True, "return_tensors": "pt"}
    texts = documents["text"][:32]
    for first in range(0, len(texts), 16):
        # Cut at different lengths, so that there is much padding.
        rows = [text[: 40 * (number + 1)] for number, text in enumerate(texts[first : first + 16])]
        yield tokenizer(rows, max_length=256, **options)
        yield tokenizer([row[: len(row) // 2] for row in rows], [row[len(row) // 2 :] for row in rows], **options)


# In single precision the rounding of one implementation differs from that of another by nearly 1e-5.
@pytest.mark.parametrize(
    ("implementation", "dtype", "tolerance"), [("sdpa", torch.float32, 1e-5), ("eager", torch.float64, 1e-12)]
)
def test_all_hidden_states_and_the_pooler_agree(
    folder: Path, implementation: str, dtype: torch.dtype, tolerance: float, documents: Dataset
) -> None:
    options = {"dtype": dtype, "attn_implementation": implementation}
    bert = BertModel.from_pretrained(folder, **options).eval()
    ours = convert_checkpoint(folder, "Model", **options)
    assert isinstance(ours, AutoBertZeroModel)
    largest, tokens, padding = 0.0, 0, 0
    for batch in batches(AutoTokenizer.from_pretrained(folder), documents):
        mask = batch["attention_mask"]
        actual, wanted = run(ours, batch), run(bert, batch)
        assert len(actual.hidden_states) == bert.config.num_hidden_layers + 1
        largest = max(largest, largest_difference(actual, wanted, mask))
        tokens, padding = tokens + int(mask.sum()), padding + int((mask == 0).sum())
    print(f"{dtype}, {implementation}: largest difference {largest:.1e}; {tokens} tokens, beside {padding} of padding")
    assert tokens > 1000
    assert padding > 1000
    assert largest < tolerance
