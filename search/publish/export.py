"""A finished model as a folder that `from_pretrained` loads: weights, config, code, tokenizer and card."""

from pathlib import Path

from safetensors.torch import save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import SAFE_WEIGHTS_NAME

from autobert_zero_hf.model import AUTO_MAP
from autobert_zero_hf.writing import written_whole


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, card: str, folder: Path) -> None:
    """Write a folder; it appears whole or not at all, and replaces what was there.

    Args:
        model: saved as safetensors, with its config and code.
        tokenizer: saved beside it, so that `AutoTokenizer` finds it.
        card: the text of README.md.
        folder: where to.

    Raises:
        WritingError: if there is no room for it.
    """
    with written_whole(folder) as place:
        write_files(model, tokenizer, place)
        (place / "README.md").write_text(card, encoding="utf-8")


def write_files(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, place: Path) -> None:
    """Write weights, config, code and tokenizer into a folder.

    With the code, a process that has not imported this package is told of `trust_remote_code`; without it, it is told
    to update transformers, which does not help.

    The files are those of `save_pretrained`, which writes nothing in a process that is not the first of several: it
    takes their models for copies of one another. Here each process has a model of its own.

    Args:
        model: saved as safetensors, with its config and code.
        tokenizer: saved beside it, so that `AutoTokenizer` finds it.
        place: the folder, which is there.
    """
    model.config.auto_map = dict(AUTO_MAP)  # with it, the configuration writes the code
    model.config.architectures = [type(model).__name__]
    model.config.dtype = model.dtype
    model.config.save_pretrained(place)
    # Tied weights are named once.
    weights = {name: weight.detach().contiguous() for name, weight in model.named_parameters()}
    save_file(weights, place / SAFE_WEIGHTS_NAME, metadata={"format": "pt"})
    tokenizer.save_pretrained(place)
