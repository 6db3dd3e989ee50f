"""`convert` from Python, and what it wrote."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from autobert_zero_hf.calm import calm
from autobert_zero_hf.conversion.checkpoint import convert_checkpoint, open_encoder
from autobert_zero_hf.data.corpus import load_documents
from autobert_zero_hf.data.fitting import fit_length, knows_words, take_special_tokens
from autobert_zero_hf.data.trimming import trimmed
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel
from autobert_zero_hf.model_folder import find_model
from autobert_zero_hf.writing import refusals_explained

from .result import FolderResult


class Converted(FolderResult):
    """An encoder as a model of this package, in a folder that `from_pretrained` opens."""


@calm()
def convert(
    source: str | os.PathLike[str],
    output_dir: str | Path,
    *,
    head: str | None = None,
    trim_vocabulary: Sequence[str | os.PathLike[str]] = (),
) -> Converted:
    """Turn an encoder into a model of this package that computes the same, as `autobert-zero convert` does.

    Args:
        source: a checkpoint's folder or Hub name.
        output_dir: where to write; a new folder.
        head: such as "ForSequenceClassification"; by default the checkpoint's own.
        trim_vocabulary: text files, the words of which alone are kept.

    Returns:
        What was written.

    Raises:
        AutoBertZeroError: if the folder is there already, or the checkpoint is of no family that is read.
    """
    folder = Path(output_dir)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise AutoBertZeroError(f"{folder} exists, and what it holds would be lost: give another --output-dir")
    place, kept = find_model(os.fspath(source)), [os.fspath(text) for text in trim_vocabulary]
    texts = load_documents(kept, least=1)["text"] if kept else []
    model = open_encoder(place, head) if kept else convert_checkpoint(place, head)
    tokenizer = load_tokenizer(place, model.config)
    trimming = _trim(model, tokenizer, texts, place) if kept else {}
    tokenizer = trimming.pop("tokenizer", tokenizer)
    if tokenizer is not None:
        for said in take_special_tokens(model, tokenizer):
            print(f"warning: {place}: {said}", file=sys.stderr)
        fit_length(tokenizer, model.config)
    else:
        print(f"warning: no tokenizer is found at {place}, and none is written", file=sys.stderr)
    try:
        with refusals_explained(folder):
            model.save_pretrained(folder, include_code=True)
            if tokenizer is not None:
                tokenizer.save_pretrained(folder)
    except BaseException:
        for file in folder.glob("*"):  # what was there before was nothing
            file.unlink()
        raise
    layers, parameters = model.config.num_hidden_layers, model.num_parameters()
    facts = {"model": type(model).__name__, "layers": layers, "parameters": parameters, **trimming}
    said = f"{type(model).__name__}, {layers} layers, {parameters:,} parameters"
    if trimming:
        words, weights = trimming["words_left_out"], trimming["parameters_left_out"]
        said += f"\n{model.config.vocab_size:,} words, without {words:,} of no use to the texts, {weights:,} parameters"
    return Converted({**facts, "tokenizer": tokenizer is not None}, said, folder)


def _trim(
    model: AutoBertZeroPreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    texts: Sequence[str],
    source: str,
) -> dict[str, Any]:
    """Leaves the words of the texts alone in a model: the tokenizer that goes with it, and what was left out."""
    if tokenizer is None:
        raise AutoBertZeroError(f"--trim-vocabulary: no tokenizer is found at {source}, whose words could be kept")
    words, parameters = model.config.vocab_size, model.num_parameters()
    changed = trimmed(model, tokenizer, texts)
    return {
        "tokenizer": changed,
        "words_left_out": words - model.config.vocab_size,
        "parameters_left_out": parameters - model.num_parameters(),
    }


def load_tokenizer(source: str, config: AutoBertZeroConfig) -> PreTrainedTokenizerBase | None:
    """The tokenizer of a checkpoint, or None if it has none."""
    # Where the files do not name a class of tokenizers, the configuration does: theirs, or ours in place of one that
    # transformers does not know.
    known = PreTrainedConfig.get_config_dict(source)[0].get("model_type") in CONFIG_MAPPING
    options: dict[str, Any] = {} if known else {"config": config}
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError):
        return None
    return tokenizer if knows_words(tokenizer) else None
