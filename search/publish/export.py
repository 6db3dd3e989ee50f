"""A finished model as a folder that `from_pretrained` loads: weights, config, tokenizer and card."""

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from autobert_zero_hf.writing import written_whole


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, card: str, folder: Path) -> None:
    """Write a folder; it appears whole or not at all, and replaces what was there.

    Args:
        model: saved as safetensors, with its config.
        tokenizer: saved beside it, so that `AutoTokenizer` finds it.
        card: the text of README.md.
        folder: where to.

    Raises:
        WritingError: if there is no room for it.
    """
    with written_whole(folder) as place:
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)
        (place / "README.md").write_text(card, encoding="utf-8")
