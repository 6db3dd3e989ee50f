"""A finished model as a folder."""

from pathlib import Path

import pytest
from autobert_zero_hf.search.publish.export import export
from transformers import BertTokenizer

from autobert_zero_hf import AutoBertZeroConfig, AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification


@pytest.mark.parametrize("kind", [AutoBertZeroForMaskedLM, AutoBertZeroForSequenceClassification])
def test_the_files_are_those_of_save_pretrained(
    kind, tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    model = kind(tiny_config)
    export(model, tokenizer, "# A card", tmp_path / "ours")
    assert (tmp_path / "ours" / "README.md").read_text() == "# A card"
    model.save_pretrained(tmp_path / "theirs")
    files = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert files == ["config.json", "model.safetensors"]
    for name in files:
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name
