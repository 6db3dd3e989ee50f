"""A finished model as a folder."""

import os
import subprocess
import sys
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
    assert {"config.json", "model.safetensors", "modeling_heads.py"} <= set(files)
    for name in files:
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name


UNIMPORTED = """
import sys, transformers
try:
    transformers.AutoModelForMaskedLM.from_pretrained(sys.argv[1])
except ValueError as error:
    print(error)
model = transformers.AutoModelForMaskedLM.from_pretrained(sys.argv[1], trust_remote_code=True)
print(type(model).__name__, "autobert_zero_hf" in sys.modules)
"""


def test_a_process_without_the_import_is_told_what_helps(
    tiny_config: AutoBertZeroConfig, tokenizer: BertTokenizer, tmp_path: Path
) -> None:
    export(AutoBertZeroForMaskedLM(tiny_config), tokenizer, "# A card", tmp_path / "best")
    done = subprocess.run(
        [sys.executable, "-c", UNIMPORTED, str(tmp_path / "best")],
        env={**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules")},
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=subprocess.PIPE,
    )
    assert f"{tmp_path / 'best'} contains custom code" in done.stdout and "trust_remote_code=True" in done.stdout
    assert "pip install" not in done.stdout
    assert done.stdout.splitlines()[-1] == "AutoBertZeroForMaskedLM False"
