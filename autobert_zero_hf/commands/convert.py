"""`autobert-zero convert`: an encoder of BERT's kind as a model of this package."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from autobert_zero_hf.api.result import Result
from autobert_zero_hf.model.auto_map import HEAD_NAMES

from .parsers import add_command

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


def run(arguments: Namespace) -> Result:
    """Convert, and write model and tokenizer."""
    from autobert_zero_hf.api.convert import convert

    kept = arguments.trim_vocabulary or ()
    return convert(arguments.source, arguments.output_dir, head=arguments.head, trim_vocabulary=kept)
