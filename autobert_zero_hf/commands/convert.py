"""`autobert-zero convert`: an encoder of BERT's kind as a model of this package."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autobert_zero_hf.calm import calm
from autobert_zero_hf.errors import AutoBertZeroError
from autobert_zero_hf.model.auto_map import HEAD_NAMES
from autobert_zero_hf.writing import refusals_explained

from .parsers import add_command
from .result import Result

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroPreTrainedModel

EXAMPLES = (
    "autobert-zero convert google-bert/bert-base-uncased --output-dir models/bert",
    "autobert-zero convert models/bert --head ForSequenceClassification --output-dir models/classifier",
    "autobert-zero convert models/minilm --trim-vocabulary my.txt --output-dir models/smaller",
)


def add_parser(commands: Any) -> None:
    """Add this command."""
    parser = add_command(
        commands,
        "convert",
        summary="turn an encoder into a model of this package",
        description="Turn a checkpoint of BERT, RoBERTa, XLM-R, DistilBERT, ELECTRA, ModernBERT or PyPI's autobert "
        "into a model of this package that computes the same.",
        examples=EXAMPLES,
    )
    parser.add_argument("source", metavar="SOURCE", help="a checkpoint's folder or Hub name")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", required=True, help="where to write; a new folder")
    parser.add_argument(
        "--head", choices=HEAD_NAMES, metavar="HEAD", help=f"one of {', '.join(HEAD_NAMES)} [the checkpoint's own]"
    )
    parser.add_argument(
        "--trim-vocabulary",
        nargs="+",
        metavar="TEXT",
        help="keep the words of these text files alone; what is computed of them stays the same. SOURCE may then be a "
        "model of this package, too",
    )
    parser.set_defaults(run=run)


@calm()
def run(arguments: Namespace) -> Result:
    """Convert, and write model and tokenizer."""
    from autobert_zero_hf.data.corpus import load_documents
    from autobert_zero_hf.data.fitting import fit_length, take_special_tokens
    from autobert_zero_hf.model_folder import find_model

    folder: Path = arguments.output_dir
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise AutoBertZeroError(f"{folder} exists, and what it holds would be lost: give another --output-dir")

    from autobert_zero_hf.conversion.checkpoint import convert_checkpoint, open_encoder

    source, kept = find_model(arguments.source), arguments.trim_vocabulary
    texts = load_documents(kept, least=1)["text"] if kept else []
    model = open_encoder(source, arguments.head) if kept else convert_checkpoint(source, arguments.head)
    tokenizer = load_tokenizer(source, model.config)
    trimming = _trim(model, tokenizer, texts, source) if kept else {}
    tokenizer = trimming.pop("tokenizer", tokenizer)
    if tokenizer is not None:
        for said in take_special_tokens(model, tokenizer):
            print(f"warning: {source}: {said}", file=sys.stderr)
        fit_length(tokenizer, model.config)
    else:
        print(f"warning: no tokenizer is found at {source}, and none is written", file=sys.stderr)
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
    said = f"{type(model).__name__}, {layers} layers, {parameters:,} parameters\n"
    if trimming:
        words, weights = trimming["words_left_out"], trimming["parameters_left_out"]
        said += f"{model.config.vocab_size:,} words, without {words:,} of no use to the texts, {weights:,} parameters\n"
    return Result({**facts, "tokenizer": tokenizer is not None, "written": str(folder)}, f"{said}Written: {folder}")


def _trim(
    model: "AutoBertZeroPreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase | None",
    texts: Sequence[str],
    source: str,
) -> dict[str, Any]:
    """Leaves the words of the texts alone in a model: the tokenizer that goes with it, and what was left out."""
    from autobert_zero_hf.data.trimming import trimmed

    if tokenizer is None:
        raise AutoBertZeroError(f"--trim-vocabulary: no tokenizer is found at {source}, whose words could be kept")
    words, parameters = model.config.vocab_size, model.num_parameters()
    changed = trimmed(model, tokenizer, texts)
    return {
        "tokenizer": changed,
        "words_left_out": words - model.config.vocab_size,
        "parameters_left_out": parameters - model.num_parameters(),
    }


def load_tokenizer(source: str, config: "AutoBertZeroConfig") -> "PreTrainedTokenizerBase | None":
    """The tokenizer of a checkpoint, or None if it has none."""
    from transformers import CONFIG_MAPPING, AutoTokenizer, PreTrainedConfig

    from autobert_zero_hf.data.fitting import knows_words

    # Where the files do not name a class of tokenizers, the configuration does: theirs, or ours in place of one that
    # transformers does not know.
    known = PreTrainedConfig.get_config_dict(source)[0].get("model_type") in CONFIG_MAPPING
    options: dict[str, Any] = {} if known else {"config": config}
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError):
        return None
    return tokenizer if knows_words(tokenizer) else None
