"""The text of a run that makes an encoder faster."""

from dataclasses import dataclass

from accelerate import Accelerator
from datasets import Dataset
from torch import Tensor

from autobert_zero_hf.data.corpus import CorpusError, how_to_have_more_rows, load_documents
from autobert_zero_hf.data.packing import pack
from autobert_zero_hf.data.unknown_tokens import Tokens
from autobert_zero_hf.progress.reporter import Reporter

from ...blocks.quality import Sentences
from ...blocks.source import Source
from ...blocks.texts import rows_of, sentences_of
from ...recipe.block_options import BlockRecipe

_SENTENCES = 800
_FEWEST_SENTENCES = 20
_UNKNOWN = 0.2
"""The share of unknown tokens from which a text is of another language than the vocabulary."""


@dataclass(frozen=True)
class Texts:
    """The text.

    Args:
        train: the documents to learn from.
        packed: the same as packed rows.
        rows: packed rows to weigh heads and neurons on, (rows, N).
        held_out: packed held-out rows that alternatives and assemblies are chosen by, (rows, N).
        judged: others, that models are judged by in the end.
        sentences: held-out sentences.
    """

    train: Dataset
    packed: Dataset
    rows: Tensor
    held_out: Tensor
    judged: Tensor
    sentences: Sentences


def read_texts(recipe: BlockRecipe, source: Source, accelerator: Accelerator, reporter: Reporter) -> Texts:
    """The text of a run, as its encoder reads it.

    Raises:
        CorpusError: if there is too little of it, or it is of another language.
    """
    options, tokenizer, seed = recipe.data, source.tokenizer, recipe.seed
    with reporter.phase("Text", 2, unit="") as show, accelerator.main_process_first():
        documents = load_documents(
            options.text, options.dataset, options.dataset_config, options.dataset_split, options.text_column
        )
        parts = documents.train_test_split(test_size=options.held_out, seed=seed)
        texts = parts["train"]["text"]
        tokens = Tokens.of_texts(texts, tokenizer)
        if tokens.share > _UNKNOWN:
            raise CorpusError(
                f"{tokens.share:.0%} of the tokens of this text are {tokenizer.unk_token} to {source.name}: "
                "it is of another language than the encoder's vocabulary; give text that it was made for"
            )
        show(1, f"{len(parts['train']):,} documents to learn from, {len(parts['test']):,} held out")
        train, test = (pack(parts[part], tokenizer, options.sequence_length) for part in ("train", "test"))
        if min(len(train), len(test)) < 8:
            raise CorpusError(
                f"the text gives {len(train)} rows to learn from and {len(test)} held-out rows of "
                f"{options.sequence_length} tokens, at least 8 of each are needed: "
                f"{how_to_have_more_rows(len(train), len(test))}"
            )
        sentences = sentences_of(parts["test"], tokenizer, options.sequence_length, _SENTENCES, f"{seed}/held out")
        lines = sentences_of(parts["train"], tokenizer, options.sequence_length, 1, f"{seed}/train")
        if len(sentences) < _FEWEST_SENTENCES or not lines:
            raise CorpusError(
                f"the held-out text has {len(sentences)} lines of three tokens or more, which stand for sentences, at "
                f"least {_FEWEST_SENTENCES} are needed: give more text, or longer lines"
            )
        show(2, f"{len(train):,} rows of {options.sequence_length} tokens")
    held_out_rows = rows_of(test, 2 * recipe.parts.swap_rows)
    return Texts(
        parts["train"],
        train,
        rows_of(train, recipe.parts.calibration_rows),
        held_out_rows[::2],
        held_out_rows[1::2],
        Sentences.of(sentences, tokenizer.pad_token_id),
    )
