"""The options that a search and a pre-training share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ..model.blocks import BLOCKS
from ..model.bounds import (
    MAX_HEADS,
    MAX_INTERMEDIATE_SIZE,
    MAX_LAYERS,
    MAX_POSITIONS,
    MAX_VOCABULARY,
    MAX_WIDTH,
)
from ..options import OneOf, Range, option

if TYPE_CHECKING:
    from datasets import Dataset

    from ..data.tokenization import Writing
    from ..model import AutoBertZeroConfig


@dataclass
class TextOptions:
    """The text, and how it is cut."""

    text: list[str] = option(
        (), "UTF-8 text files, in which a blank line ends a document [the demo's]", "text", common=True
    )
    dataset: str | None = option(
        None, "a text data set of the Hub, or a folder that datasets loads", "dataset", common=True
    )
    dataset_config: str | None = option(None, "the configuration of --dataset")
    dataset_split: str = option("train", "the split of --dataset")
    text_column: str | None = option(None, "the column of --dataset that holds the text")
    sequence_length: Annotated[int, Range(8, MAX_POSITIONS + 1)] = option(
        128, "tokens of a row; of a model to pretrain on, by itself as many as it takes"
    )
    held_out: Annotated[float, Range(0.001, 0.9)] = option(0.1, "share of the documents that is held out, to score on")


@dataclass
class DataOptions(TextOptions):
    """The text, how it is cut, and its vocabulary."""

    tokenizer: str | None = option(
        None,
        "the tokenizer, folder or Hub name; by default that of the model that is begun with, or of the teacher, or a "
        "new one, that is trained on the text",
        "model",
    )
    vocab_size: Annotated[int, Range(100, MAX_VOCABULARY + 1)] = option(8192, "entries of a new vocabulary")
    vocabulary: Literal["auto", "wordpiece", "bpe"] = option(
        "auto",
        "of what it is: WordPieces, as BERT's, or BPE, which needs no spaces between words; by default as the text's "
        "script asks for",
    )
    cased: bool = option(False, "whether a new vocabulary tells upper from lower case")
    keep_accents: bool | None = option(
        None,
        "whether it keeps accents, and the vowel signs of many scripts; by default where the case stays, or the text "
        "has many",
    )

    def writing(self, documents: "Dataset") -> "Writing":
        """What a new vocabulary makes of the letters of these documents."""
        from ..data.tokenization import Writing

        pieces = None if self.vocabulary == "auto" else self.vocabulary
        return Writing.of(documents, pieces, self.cased, self.keep_accents)


OF_NEW_VOCABULARY = ("vocab_size", "vocabulary", "cased", "keep_accents")
"""The options that a vocabulary which is there already has no use for."""


@dataclass
class SizeOptions:
    """The sizes of a model."""

    num_layers: Annotated[int, Range(1, MAX_LAYERS + 1)] = option(4, "layers of a backbone", common=True)
    hidden_size: Annotated[int, Range(1, MAX_WIDTH + 1)] = option(128, "width of the hidden states", common=True)
    embedding_size: Annotated[int | None, Range(1, MAX_WIDTH + 1)] = option(
        None,
        "width of the embeddings, which a linear layer brings to the hidden size; by default the same",
    )
    num_attention_heads: Annotated[int, Range(1, MAX_HEADS + 1)] = option(
        2, "heads of an attention, and kernels of a convolution"
    )
    intermediate_size: Annotated[int, Range(1, MAX_INTERMEDIATE_SIZE + 1)] = option(
        512, "width inside the feed-forward blocks"
    )
    dropout: Annotated[float, Range(0.0, 1.0)] = option(0.0, "dropout of hidden states and attention weights")
    initializer_range: Annotated[float, Range(0.0)] = option(
        0.05, "standard deviation of initial weights; a small width wants more than BERT's 0.02"
    )
    block: Annotated[str, OneOf(BLOCKS)] = option("bert", "what stands around mixers and feed-forward blocks")
    positions: Literal["learned", "counted", "rotary", "none"] | None = option(
        None,
        "how tokens know their positions: a table, one in which padding does not count, rotated queries and keys, or "
        "not; by default the block's",
    )

    def make_config(
        self, layers: Sequence[str], length: int, words: Mapping[str, Any], head_dim: int | None = None
    ) -> "AutoBertZeroConfig":
        """The configuration of a new model of these sizes.

        Args:
            layers: its backbone.
            length: tokens of a row.
            words: the size of the vocabulary and its special tokens, as a configuration has them.
            head_dim: the width of a head; the hidden size by the number of heads by default.

        Raises:
            ValueError: if they do not fit together, or a layer is not legal.
        """
        from ..model import AutoBertZeroConfig

        # What is not given, the configuration has by itself.
        free = {"head_dim": head_dim, "positions": self.positions, "embedding_size": self.embedding_size}
        given: dict[str, Any] = {name: value for name, value in free.items() if value is not None}
        return AutoBertZeroConfig(
            layers=list(layers),
            hidden_size=self.hidden_size,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=self.intermediate_size,
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.dropout,
            max_position_embeddings=length,
            initializer_range=self.initializer_range,
            block=self.block,
            # Masked-LM training teaches the first token nothing, and a convolution shows it its neighbours only.
            classifier_pooling="mean",
            **given,
            **words,
        )
