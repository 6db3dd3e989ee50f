"""The options that a search and a pre-training share."""

from dataclasses import dataclass
from typing import Annotated

from ..model.bounds import (
    MAX_HEADS,
    MAX_INTERMEDIATE_SIZE,
    MAX_LAYERS,
    MAX_POSITIONS,
    MAX_VOCABULARY,
    MAX_WIDTH,
)
from ..options import Range, option


@dataclass
class DataOptions:
    """The text, and how it is cut."""

    text: list[str] = option((), "UTF-8 text files; a blank line ends a document", "text")
    dataset: str | None = option(None, "a text data set of the Hub, or a folder that datasets loads", "dataset")
    dataset_config: str | None = option(None, "the configuration of --dataset")
    dataset_split: str = option("train", "the split of --dataset")
    text_column: str | None = option(None, "the column of --dataset that holds the text")
    vocab_size: Annotated[int, Range(100, MAX_VOCABULARY + 1)] = option(
        8192, "entries of the WordPiece vocabulary that is trained on the text"
    )
    sequence_length: Annotated[int, Range(8, MAX_POSITIONS + 1)] = option(
        128, "tokens of a row; of a model to pretrain on, by itself as many as it takes"
    )
    held_out: Annotated[float, Range(0.001, 0.9)] = option(0.1, "share of the documents that is held out, to score on")


@dataclass
class SizeOptions:
    """The sizes of a model."""

    num_layers: Annotated[int, Range(1, MAX_LAYERS + 1)] = option(4, "layers of a backbone")
    hidden_size: Annotated[int, Range(1, MAX_WIDTH + 1)] = option(128, "width of the hidden states")
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
