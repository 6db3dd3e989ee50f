"""A finished model as a folder that `from_pretrained` loads: weights, config, tokenizer and card."""

import os
import shutil
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, card: str, folder: Path) -> None:
    """Write a folder; it appears whole or not at all, and replaces what was there.

    Args:
        model: saved as safetensors, with its config.
        tokenizer: saved beside it, so that `AutoTokenizer` finds it.
        card: the text of README.md.
        folder: where to.
    """
    staged = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)
    model.save_pretrained(staged)
    tokenizer.save_pretrained(staged)
    (staged / "README.md").write_text(card, encoding="utf-8")
    for file in staged.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    shutil.rmtree(folder, ignore_errors=True)
    staged.rename(folder)
