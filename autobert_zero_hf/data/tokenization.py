"""A BERT tokenizer trained on the text at hand."""

from collections.abc import Iterator

from datasets import Dataset
from tokenizers.trainers import WordPieceTrainer
from transformers import BertTokenizer

from .corpus import CorpusError

_PREFIX = "##"


def train_tokenizer(documents: Dataset, vocab_size: int, max_length: int = 512) -> BertTokenizer:
    """Train a lower-casing WordPiece tokenizer; the same text gives the same tokenizer in every process.

    Args:
        documents: a data set with a column `text`.
        vocab_size: the number of entries, special tokens included.
        max_length: the longest input, in tokens, that the models of this tokenizer take.

    Raises:
        CorpusError: if the text has more different characters than the vocabulary has room for.
    """
    tokenizer = BertTokenizer(model_max_length=max_length)
    special = list(tokenizer.get_vocab())

    def train(size: int, first: list[str]) -> dict[str, int]:
        backend = BertTokenizer().backend_tokenizer
        trainer = WordPieceTrainer(
            vocab_size=size, special_tokens=special + first, continuing_subword_prefix=_PREFIX, show_progress=False
        )
        backend.train_from_iterator(_texts(documents), trainer, length=len(documents))
        return backend.get_vocab()

    # The trainer numbers the pieces inside words in the order of a randomly seeded hash map, and breaks ties between
    # merges by number. Numbering them first, in a fixed order, makes the whole vocabulary a function of the text.
    alphabet = train(0, [])
    inner = sorted(piece for piece in alphabet if piece.startswith(_PREFIX) and len(piece) == len(_PREFIX) + 1)
    if len(alphabet) > vocab_size:
        raise CorpusError(
            f"a vocabulary of {vocab_size} entries has no room for the {len(alphabet)} characters of the text; "
            "give a larger --vocab-size"
        )
    return BertTokenizer(vocab=train(vocab_size, inner), model_max_length=max_length)


def _texts(documents: Dataset) -> Iterator[list[str]]:
    for batch in documents.iter(batch_size=256):
        yield batch["text"]
